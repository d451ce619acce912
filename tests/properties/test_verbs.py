"""Properties on the command line: the same names as in YAML, JSON and figures, runs that go on."""

import json
from typing import get_args, get_type_hints

import ase.build
import ase.io
import pytest
from tests.potentials import make_potential
from tests.properties.force_fields import needs_lammps
from typer.testing import CliRunner

from atomsmith.cli.application import app
from atomsmith.cli.property_verbs import PROPERTY_VERBS
from atomsmith.properties import PROPERTIES
from atomsmith.properties.base import PropertyResult
from atomsmith.properties.suite import ChosenProperties

runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})

EAM = """
reference:
  kind: lammps
  elements: [Cu]
  pair_style: eam/alloy
  pair_coeff: ["* * Cu_mishin1.eam.alloy Cu"]
"""


@pytest.fixture
def eam(tmp_path):
    (tmp_path / "eam.yaml").write_text(EAM)
    return tmp_path / "eam.yaml"


def run(*arguments):
    return runner.invoke(app, [str(argument) for argument in arguments])


def test_every_property_has_a_verb_and_a_key():
    assert list(PROPERTY_VERBS) == list(PROPERTIES) == list(ChosenProperties.model_fields)
    for name, entry in PROPERTIES.items():
        assert entry.settings in get_args(ChosenProperties.model_fields[name].annotation)


@pytest.mark.parametrize("name", PROPERTY_VERBS)
def test_help_has_an_example_and_the_keys_of_the_settings(name):
    page = run(name, "--help")
    assert page.exit_code == 0
    assert f"Example: atomsmith {name} potential.json" in page.stdout
    simple = [
        key
        for key, field in PROPERTIES[name].settings.model_fields.items()
        if field.annotation in (int, float, bool, str)
    ]
    assert all("--" + key.replace("_", "-") in page.stdout for key in simple)


@needs_lammps
def test_a_verb_prints_a_table_and_writes_numbers_and_a_figure(eam, tmp_path):
    numbers, figure = tmp_path / "n.json", tmp_path / "f.png"
    done = run("elastic", eam, "--element", "Cu", "--strain", "0.001", "--json", numbers, "--figure", figure)
    assert done.exit_code == 0, done.output
    found = json.loads(numbers.read_text())
    assert found["settings"]["strain"] == 0.001
    assert found["c_gpa"][0][0] == pytest.approx(169.9, abs=0.1)
    assert f"{found['c_gpa'][0][0]:.1f}" in done.stdout
    assert figure.read_bytes().startswith(b"\x89PNG")


@needs_lammps
def test_settings_within_settings_are_set_by_path(eam, tmp_path):
    numbers = tmp_path / "n.json"
    done = run("lattice", eam, "--element", "Cu", "--set", "relax.max_steps=1", "--json", numbers)
    assert done.exit_code == 0, done.output
    found = json.loads(numbers.read_text())
    assert found["lengths_angstrom"] is None
    assert "not converged in 1 steps" in found["problems"][0]
    assert "not converged in 1 steps" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--element", "Cu"], "the potential knows O, H, not Cu"),
        ([], "give either `structure`, a file, or `element`, a symbol; found neither"),
        (["--element", "Cu", "--structure", "nowhere.cif"], "both are given"),
        (["--element", "Cu", "--figure", "elastic.pdf"], "figures are PNG files"),
        (["--structure", "."], "is a folder"),
        (["--element", "Cu", "--strain", "-1"], "'strain' is -1.0"),
        (["--structure", "nowhere.cif"], "no such file"),
        (["--element", "Cu", "--crystal", "fluffy"], "not a known structure"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, arguments, words):
    potential = tmp_path / "potential.json"
    make_potential().save(potential)
    done = run("elastic", potential, *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_figure_that_there_is_not_is_refused_at_once(tmp_path):
    make_potential().save(tmp_path / "p.json")
    done = run("lattice", tmp_path / "p.json", "--element", "O", "--figure", tmp_path / "f.png")
    assert done.exit_code == 2
    assert "lattice has no figure; leave it out" in done.stderr
    assert done.stdout == ""
    for name, entry in PROPERTIES.items():
        result = get_type_hints(entry.compute)["return"]
        assert entry.has_figure == (result.figure is not PropertyResult.figure), name


@needs_lammps
def test_a_structure_file_and_a_checkpoint(eam, tmp_path):
    structure, folder, numbers = tmp_path / "Cu.cif", tmp_path / "kept", tmp_path / "n.json"
    ase.build.bulk("Cu", a=3.6).write(structure)
    arguments = ["stability", eam, "--structure", structure, "--time-ps", "0.01", "--timestep-fs", "2"]
    arguments += ["--seeds", "1", "--supercell-angstrom", "4", "--checkpoint", folder, "--json", numbers]
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    assert [path.name for path in folder.iterdir()] == ["dynamics.npz"]
    first = numbers.read_text()
    assert json.loads(first)["lifetimes_ps"] == pytest.approx([0.01])
    assert run(*arguments).exit_code == 0
    assert numbers.read_text() == first


@needs_lammps
def test_a_suite_goes_on_where_it_was(tmp_path):
    settings = tmp_path / "p.yaml"
    settings.write_text(
        EAM + "crystal: {element: Cu}\nproperties: {lattice: {}, eos: {points: 5}, elastic: null}\n"
    )
    folder = tmp_path / "out"
    first = run("properties", settings, "-o", folder)
    assert first.exit_code == 0, first.output
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert before.keys() == {"lattice.json", "eos.json", "eos.png", "properties.json"}
    again = run("properties", settings, "-o", folder)
    assert again.stdout.count("computed before") == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    changed = run("properties", settings, "-o", folder, "--set", "properties.eos.points=7")
    assert changed.stdout.count("computed before") == 1
    summary = json.loads((folder / "properties.json").read_text())
    assert len(summary["properties"]["eos"]["volumes_angstrom3_per_atom"]) == 7


def test_a_file_of_several_structures_is_no_crystal(tmp_path):
    make_potential().save(tmp_path / "p.json")
    crystals = [ase.build.bulk("Cu", a=a) for a in (3.6, 3.7)]
    ase.io.write(tmp_path / "many.xyz", crystals)
    done = run("lattice", tmp_path / "p.json", "--structure", tmp_path / "many.xyz")
    assert done.exit_code == 2
    assert "many.xyz: holds 2 structures; give a file of the one that is meant" in " ".join(
        done.stderr.split()
    )
