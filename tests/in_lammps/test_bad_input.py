"""Every mistake ends on all ranks with one sentence: no hang, no core dump, no wrong number."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tests.in_lammps.running import Sample, printed, run_lammps
from tests.potentials import make_potential

from atomsmith.descriptors import AceSettings, GlobalFeaturesSettings, InversePowersSettings
from atomsmith.evaluator import Evaluator
from atomsmith.lammps.build import find_sources
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.potential import Potential

ELEMENTS = (13, 14)
SCRIPT = """units {units}
atom_style atomic
read_data a.data
{mass}
pair_style atomsmith {style}
pair_coeff * * {file} {elements}
{more}
run 0
"""
PLAIN = {
    "units": "metal",
    "mass": "",
    "style": "",
    "file": "ace.json",
    "elements": "Al Si",
    "more": "",
}


def make_crystal_potential():
    """A potential that is not local."""
    terms = (TermSettings(descriptor=InversePowersSettings(powers=(6, 12))),)
    model = build_model(ModelSettings(terms=terms), ELEMENTS)
    return Potential(model.elements, model.plan, model.features, np.ones(len(model.features)))


def make_potential_of_volume():
    """A potential with a feature that all atoms share."""
    term = TermSettings(
        descriptor=AceSettings(cutoff=4.0, correlation_order=2, degree=3.0),
        global_features=GlobalFeaturesSettings(volume=True),
    )
    model = build_model(ModelSettings(terms=(term,)), ELEMENTS)
    return Potential(model.elements, model.plan, model.features, np.ones(len(model.features)))


def write_with_other_posteriors(folder):
    """Files without a posterior, with a torn one, and with one that is too small."""
    data = json.loads((folder / "ace.json").read_text())
    (folder / "certain.json").write_text(json.dumps(data | {"posterior": None}))
    for name, numbers in (("torn", "A*AAAAAAAAA="), ("less", "AAAAAAAAAAA=")):
        factor = {"float64": numbers, "shape": [1]}
        (folder / f"{name}.json").write_text(
            json.dumps(data | {"posterior": data["posterior"] | {"factor": factor}})
        )


def sample_of_folder():
    rng = np.random.default_rng(0)
    return Sample(rng.choice(ELEMENTS, 8), rng.uniform(0, 9, (8, 3)), 9.0 * np.eye(3))


@pytest.fixture
def folder(tmp_path):
    sample_of_folder().write(tmp_path / "a.data", ELEMENTS)
    make_potential(1, elements=ELEMENTS, cutoff=4.0).save(tmp_path / "ace.json")
    make_potential(1, elements=ELEMENTS, cutoff=4.0, members=0).save(tmp_path / "alone.json")
    text = (tmp_path / "ace.json").read_text()
    (tmp_path / "short.json").write_text(text[: len(text) // 2])
    data = json.loads(text)
    (tmp_path / "later.json").write_text(json.dumps(data | {"version": 99}))
    (tmp_path / "fewer.json").write_text(
        json.dumps(data | {"coefficients": {"float64": [1.0], "shape": [1]}})
    )
    data["plan"]["parts"][1]["kind"] = "ewald"
    (tmp_path / "kind.json").write_text(json.dumps(data))
    make_crystal_potential().save(tmp_path / "powers.json")
    make_potential_of_volume().save(tmp_path / "volume.json")
    write_with_other_posteriors(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"file": "none.json"}, "none.json: no such file"),
        ({"file": "short.json"}, "short.json: the file is damaged (line 1, character"),
        ({"file": "later.json"}, "format version 99, this plugin reads up to 1; update atomsmith"),
        ({"file": "fewer.json"}, "there are 1 coefficients for"),
        ({"file": "kind.json"}, "unknown kind of part 'ewald'"),
        ({"file": "powers.json"}, "features of the whole crystal (inverse powers, volume, order), of which"),
        ({"file": "volume.json"}, "features of the whole crystal (inverse powers, volume, order), of which"),
        ({"file": "a.data"}, "a.data: the file is damaged"),
        ({"elements": "Al"}, "an element or NULL for each of the 2 atom types, found 1"),
        ({"elements": "Al Cu"}, "the potential knows Al Si, not 'Cu', to which pair_coeff maps atom type 2"),
        ({"mass": "mass 2 15.999", "elements": "Si Al"}, "maps atom type 1 to Si"),
        ({"units": "real"}, "needs units metal (eV, angstrom), found real"),
        ({"style": "tau 3"}, "'tau' is not one of its keywords, which are threads, precision, bias and"),
        ({"style": "precision half"}, "precision must be double or single, found half"),
        ({"style": "bias 1 precision single"}, "the bias needs precision double"),
        ({"style": "bias"}, "'bias' needs a value"),
        ({"style": "bias relative"}, "'bias' needs more values"),
        ({"style": "bias 0.1 resume 1 2"}, "'resume' needs more values"),
        ({"style": "bias 0.1 sigma both"}, "sigma must be committee or posterior, found both"),
        ({"style": "bias relative 0.1 every 0"}, "every must be 1 or more"),
        ({"style": "window 9 bias relative 0.1"}, "'window' comes after bias, which is missing"),
        (
            {"style": "bias 0.1 sigma posterior", "file": "certain.json"},
            "the potential has no posterior, which sigma posterior needs",
        ),
        (
            {"style": "bias 0.1 sigma posterior", "file": "torn.json"},
            "an array in base64 is damaged or cut short",
        ),
        (
            {"style": "bias 0.1 sigma posterior", "file": "less.json"},
            "the posterior's factor has 1 numbers for",
        ),
        (
            {"more": "pair_style atomsmith bias 0.1 sigma posterior"},
            "All pair coeffs are not set",
        ),
        ({"more": "compute c all atomsmith/closest 1 3 2.0"}, "there is no atom type 3, the last one is 2"),
        ({"more": "compute c all atomsmith/closest 1 2"}, "needs two atom types and a distance"),
        (
            {"more": "compute c all atomsmith/closest * * 9"},
            "are more than the cutoff of the atomsmith potential",
        ),
        ({"style": "bias 0.1", "file": "alone.json"}, "has no committee, which the bias needs"),
        (
            {"file": "alone.json", "more": "compute u all atomsmith/uncertainty"},
            "a potential with a committee",
        ),
        ({"more": "compute u all atomsmith/uncertainty eps"}, "takes no arguments but eps and its value"),
        (
            {"more": "compute u all atomsmith/uncertainty scale 0"},
            "scale of compute atomsmith/uncertainty must",
        ),
        (
            {"more": "create_atoms 1 single 1 1 1 units box\ncreate_atoms 2 single 1 1 1 units box"},
            "on top of",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_mistakes_are_one_sentence(plugin, folder, change, message):
    if change.get("elements") == "Si Al":  # Al and Si are too alike: a potential of oxygen and silicon
        sample = Sample(np.array([8, 14]), np.array([[1.0, 1, 1], [3.0, 1, 1]]), 9.0 * np.eye(3))
        sample.write(folder / "a.data", (8, 14))
        make_potential(1, elements=(8, 14), cutoff=4.0).save(folder / "ace.json")
        change, message = {"elements": "Si O"}, "maps atom type 1 to Si, but its mass is that of O"
    script = SCRIPT.format(**(PLAIN | change))
    result = run_lammps(plugin, folder, script, ranks=2, check=False)
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert message in output
    assert "ERROR" in output
    assert "signal" not in output.lower()


def test_positions_that_are_no_numbers_are_named(plugin, folder):
    """LAMMPS itself looks only when it makes neighbour lists."""
    after = """variable n atom exp(1e4)-exp(1e4)
group third id 3
fix 1 all nve
set group third x v_n
run 2 pre no
"""
    script = SCRIPT.format(**PLAIN) + after
    result = run_lammps(plugin, folder, script, ranks=2, check=False)
    output = result.stdout + result.stderr
    assert result.returncode != 0
    assert "the position of atom 3 is not a finite number; the simulation is unstable" in output


@pytest.mark.parametrize(
    "command",
    [
        "comm_modify cutoff 1.0",
        "neighbor 2.0 multi\ncomm_modify mode multi",
        "comm_style tiled\ncomm_modify cutoff 1.0",
    ],
)
def test_a_communication_distance_below_the_cutoff_loses_no_neighbours(plugin, folder, command):
    """LAMMPS raises it by itself in these ways of communicating; our own check stands behind them."""
    more = f'{command}\nrun 0\nprint "value $(pe:%.17g)"'
    result = run_lammps(plugin, folder, SCRIPT.format(**(PLAIN | {"more": more})), ranks=2)
    potential = make_potential(1, elements=ELEMENTS, cutoff=4.0)
    expected = Evaluator(potential, skin=0.0).predict(sample_of_folder().systems).energy[0]
    np.testing.assert_allclose(printed(result.stdout, "value")[0, 0], expected, rtol=1e-10)


BONDED = """units metal
atom_style bond
special_bonds {special}
region all block 0 9 0 9 0 9
create_box 2 all bond/types 1 extra/bond/per/atom 2 extra/special/per/atom 4
create_atoms 1 single 1 1 1
create_atoms 2 single 3 1 1
create_atoms 2 single 3 3 1
mass 1 26.98
mass 2 28.09
create_bonds single/bond 1 1 2 special no
create_bonds single/bond 1 2 3 special yes
bond_style zero
bond_coeff 1
pair_style atomsmith
pair_coeff * * ace.json Al Si
run 0
print "value $(pe:%.17g)"
"""


@pytest.mark.parametrize(
    ("special", "hides"),
    [("lj/coul 0 0 0", True), ("lj/coul 1 0 1", True), ("lj/coul 1 1 0", False), ("lj 1e-50 1 1", False)],
)
def test_bonds_of_molecules_hide_no_neighbours(plugin, folder, special, hides):
    """LAMMPS takes bonded atoms out of the neighbour lists, by default up to three bonds away."""
    script = BONDED.format(special=special)
    result = run_lammps(plugin, folder, script, check=not hides)
    if hides:
        assert result.returncode != 0
        assert "special_bonds lj/coul 1 1 1" in " ".join((result.stdout + result.stderr).split())
        return
    sample = Sample(np.array([13, 14, 14]), np.array([[1.0, 1, 1], [3, 1, 1], [3, 3, 1]]), 9.0 * np.eye(3))
    potential = make_potential(1, elements=ELEMENTS, cutoff=4.0)
    expected = Evaluator(potential, skin=0.0).predict(sample.systems).energy[0]
    np.testing.assert_allclose(printed(result.stdout, "value")[0, 0], expected, rtol=1e-10)


def test_another_version_of_lammps_is_refused(plugin, folder):
    """The loader, built for a version that never was."""
    source = find_sources().folder / "lammps" / "plugin.cpp"
    other = folder / "other"
    other.mkdir()
    command = "c++ -std=c++20 -fPIC -shared -fvisibility=hidden -DATOMSMITH_LAMMPS_VERSION=19991231 -ldl -o"
    subprocess.run([*command.split(), str(other / "foreign.so"), str(source)], check=True)
    result = run_lammps(plugin, folder, f"plugin load {other / 'foreign.so'}\n", ranks=2, check=False)
    assert result.returncode != 0
    built, found = "was built for LAMMPS 19991231", f"this is LAMMPS {plugin.installation.version}"
    assert built in result.stdout
    assert found in result.stdout


READER = r"""
#include <cstdio>
#include <exception>
#include <fstream>
#include <sstream>
#include "potential_file/potential.hpp"

int main(int n, char** files) {
    for (int k = 1; k < n; ++k) {
        std::ifstream file(files[k], std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        try {
            const auto potential = atomsmith::parse_potential(atomsmith::essentials(text.str(), true));
            double sum = 0.0;
            for (double c : potential.coefficients) sum += c;
            for (double c : potential.posterior.factor) sum += c;
            std::printf("ok %d %d %.17g\n", potential.model->n_features, potential.n_members, sum);
        } catch (const std::exception& error) {
            std::printf("refused %s\n", error.what());
        }
    }
}
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A program that reads potential files as the plugin does, one line each."""
    folder = tmp_path_factory.mktemp("reader")
    sources = find_sources()
    (folder / "reader.cpp").write_text(READER)
    files = [folder / "reader.cpp", *sources.archives]
    command = f"c++ -std=c++20 -pthread -I{sources.folder} -o"
    subprocess.run([*command.split(), str(folder / "reader"), *map(str, files)], check=True)

    def read(paths: list[Path]) -> list[str]:
        command = [str(folder / "reader"), *map(str, paths)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()

    return read


def test_damaged_files_are_refused_and_never_crash(reader, tmp_path):
    potential = make_potential(1, elements=ELEMENTS, cutoff=4.0)
    potential.save(tmp_path / "good.json")
    text = (tmp_path / "good.json").read_bytes()
    rng = np.random.default_rng(0)
    cut = [text[:n] for n in rng.integers(0, len(text) - 1, 40)]
    flipped = []
    for at in rng.integers(0, len(text), 200):
        damaged = bytearray(text)
        damaged[at] = rng.integers(0, 256)
        flipped.append(bytes(damaged))
    paths = []
    for k, damaged in enumerate([text, *cut, *flipped]):
        paths.append(tmp_path / f"{k}.json")
        paths[-1].write_bytes(damaged)
    lines = reader(paths)
    assert len(lines) == len(paths)
    n, members = potential.coefficients.size, len(potential.committee)
    status, features, count, total = lines[0].split()
    assert (status, int(features), int(count)) == ("ok", n, members)
    everything = potential.coefficients.sum() + potential.posterior.factor.sum()
    np.testing.assert_allclose(float(total), everything, rtol=1e-13)
    assert all(line.startswith("refused") for line in lines[1 : 1 + len(cut)])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file ends too early"),
        ("[]", "an object was expected"),
        ('{"plan": }', "a value was expected"),
        ('{"plan": 1,}', "a name in quotes was expected"),
        ('{"plan": [1, 2}', "a comma, colon or bracket is missing"),
        ('{"plan": 01}', "a value was expected"),
        ('{"plan": 1e}', "a number is malformed"),
        ('{"plan": 1e999}', "a number is too large"),
        ('{"plan": NaN}', "a value was expected"),
        ('{"plan": "\\x"}', "an escape in a string is unknown"),
        ('{"plan": "\n"}', "a string holds a control character"),
        ('{"plan": ' + 100 * "[" + 100 * "]" + "}", "nested too deeply"),
        ('{"plan": 1} 2', "there is more after the end"),
        ('{"format": "other"}', "its 'format' is not 'atomsmith-potential'"),
        ('{"format": "atomsmith-potential", "version": 1.5}', "is not an integer"),
        ('{"format": "atomsmith-potential", "version": 1}', "'plan' is missing"),
    ],
)
def test_what_is_no_json_or_no_potential_is_said(reader, tmp_path, text, message):
    (tmp_path / "bad.json").write_text(text)
    (line,) = reader([tmp_path / "bad.json"])
    assert line.startswith("refused")
    assert message in line
