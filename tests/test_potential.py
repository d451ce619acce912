"""potential.json: every bit survives, damage is named, files of every format version load."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from ase.build import bulk

from atomsmith import Dataset, _engine, fit
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.potential import FORMAT_VERSION, Potential
from engine.plans import SHAPES, joined, plans, random_system
from potentials import ELEMENTS, make_potential

STORED = Path(__file__).parent / "data_files"
PLANS = plans()


def structures():
    return joined(*(random_system(SHAPES[name], ELEMENTS, 30) for name in ("skewed", "tiny", "molecule")))


@pytest.fixture
def stored(tmp_path):
    """A written potential as plain JSON, and how to write it back changed."""
    path = tmp_path / "potential.json"
    make_potential().save(path)
    return path, json.loads(path.read_text())


def test_saving_and_loading_keeps_every_bit(tmp_path):
    metadata = {"settings": {"x": [1, 2.5, None, "ä"]}, "data": {"fingerprint": "abc"}}
    potential = make_potential(4, metadata=metadata)
    path = tmp_path / "new" / "folder" / "potential.json"
    potential.save(path)
    again = Potential.load(path)
    assert again.metadata == metadata
    assert again.elements == potential.elements
    assert again.features.labels == potential.features.labels
    assert again.features.elements == potential.features.elements
    for name in ("coefficients", "committee"):
        np.testing.assert_array_equal(getattr(again, name), getattr(potential, name))
    np.testing.assert_array_equal(again.posterior.factor, potential.posterior.factor)
    np.testing.assert_array_equal(again.posterior.kept, potential.posterior.kept)
    systems = structures()
    for one, other in [(potential.evaluator(), again.evaluator())]:
        a, b = one.predict_committee(systems), other.predict_committee(systems)
        np.testing.assert_array_equal(a.mean.forces, b.mean.forces)
        np.testing.assert_array_equal(a.members.virial, b.members.virial)
        tau = np.full(3, 0.2)
        for kind in ("committee", "posterior"):
            np.testing.assert_array_equal(
                one.predict_biased(systems, tau, kind).forces, other.predict_biased(systems, tau, kind).forces
            )
    again.save(tmp_path / "twice.json")
    assert (tmp_path / "twice.json").read_bytes() == path.read_bytes()


def test_a_compressed_file_is_read(tmp_path):
    potential = make_potential(4)
    potential.save(tmp_path / "potential.json.gz")
    assert (tmp_path / "potential.json.gz").read_bytes()[:2] == b"\x1f\x8b"
    again = Potential.load(tmp_path / "potential.json.gz")
    assert np.array_equal(again.coefficients, potential.coefficients)


def test_a_potential_without_committee_and_posterior_survives(tmp_path):
    bare = dataclasses.replace(make_potential(members=0), posterior=None)
    bare.save(tmp_path / "p.json")
    again = Potential.load(tmp_path / "p.json")
    assert again.posterior is None
    assert len(again.committee) == 0
    np.testing.assert_array_equal(again.coefficients, bare.coefficients)


def test_a_failed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "potential.json"
    make_potential(1).save(path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        make_potential(2, metadata={"broken": float("nan")}).save(path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["potential.json"]


def test_cutoff_functions_and_predictions_of_configurations():
    potential = make_potential(dropped=4)
    assert potential.cutoff == pytest.approx(3.2)
    zeros = np.count_nonzero(potential.coefficients[2:] == 0.0)
    assert potential.n_functions == len(potential.coefficients) - 2 - zeros
    systems = structures()
    configurations = [
        Configuration(systems.numbers[a:b], systems.positions[a:b], systems.cells[s], systems.pbc[s])
        for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True))
    ]
    np.testing.assert_array_equal(
        potential.predict(configurations).forces, potential.evaluator().predict(systems).forces
    )


@pytest.mark.parametrize("at_once", [1, 9, 10, 10**6])
def test_predictions_do_not_depend_on_what_is_done_at_once(monkeypatch, at_once):
    """Large data sets are taken batch by batch, whose neighbours fit into memory."""
    potential = make_potential()
    systems = structures()
    configurations = [
        Configuration(systems.numbers[a:b], systems.positions[a:b], systems.cells[s], systems.pbc[s])
        for s, (a, b) in enumerate(zip(systems.first[:-1], systems.first[1:], strict=True))
    ]
    whole = potential.predict(configurations)
    monkeypatch.setattr("atomsmith.potential.AT_ONCE", at_once)
    found = potential.predict(configurations)
    for name in ("energy", "energies", "forces", "virial"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    assert potential.predict([]).forces.shape == (0, 3)
    near = configurations[0].replace(positions=np.zeros_like(configurations[0].positions))
    with pytest.raises(InputError, match="Structure 3 has no finite energy"):
        potential.predict([*configurations, near])


@pytest.mark.parametrize("name", PLANS)
def test_the_cutoff_is_that_of_the_engine(name):
    plan = PLANS[name]
    potential = dataclasses.replace(make_potential(), elements=tuple(plan["elements"]), plan=plan)
    assert potential.cutoff == _engine.Model.from_plan(plan).cutoff


def _cut(array, key="float64"):
    array[key] = array[key][:-1]
    array["shape"] = [len(array[key])]


def _reach_too_far(data):
    data["plan"]["parts"][2]["centres"][0]["terms"]["int32"][-1] = 10**6


DAMAGE = {
    "no plan": (lambda data: data.pop("plan"), "KeyError: 'plan'"),
    "short coefficients": (lambda data: _cut(data["coefficients"]), "coefficients"),
    "fewer labels": (lambda data: data["features"]["labels"].pop(), "features"),
    "wrong shape": (lambda data: data["committee"]["shape"].append(2), "ValueError"),
    "other elements": (lambda data: data["elements"].reverse(), "elements differ"),
    "term out of range": (_reach_too_far, "term .* is malformed"),
    "unknown part": (
        lambda data: data["plan"]["parts"][0].update(kind="magic"),
        "unknown kind of part 'magic'",
    ),
    "text for a number": (lambda data: data["plan"]["parts"][2].update(l_max="three"), "damaged"),
    "no array": (lambda data: data.update(coefficients=3), "damaged"),
    "no members": (lambda data: data.update(committee={}), "damaged"),
    "no part": (lambda data: data["plan"]["parts"].__setitem__(1, None), "damaged"),
    "no metadata": (lambda data: data.update(metadata=4), "the metadata are 4"),
    "posterior cut": (lambda data: data["posterior"]["kept"].pop(), "numbers in its factor"),
    "not a number": (lambda data: data["coefficients"]["float64"].__setitem__(0, float("nan")), "finite"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_found_when_the_file_is_read(stored, name):
    path, data = stored
    damage, message = DAMAGE[name]
    damage(data)
    path.write_text(json.dumps(data))
    with pytest.raises(InputError, match=message) as raised:
        Potential.load(path)
    assert str(path) in str(raised.value)
    assert "restore it from a copy" in str(raised.value)


def test_other_files_are_told_apart(tmp_path, stored):
    path, data = stored
    with pytest.raises(InputError, match=r"none\.json: no such file"):
        Potential.load(tmp_path / "none.json")
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match="not a readable JSON file"):
        Potential.load(path)
    path.write_bytes(b"\x80\x04\x95pickle")
    with pytest.raises(InputError, match="not a readable JSON file"):
        Potential.load(path)
    for other in ([1, 2], {"format": "something else"}, {}):
        path.write_text(json.dumps(other))
        with pytest.raises(InputError, match="not an Atomsmith potential"):
            Potential.load(path)
    path.write_text(json.dumps(data | {"version": FORMAT_VERSION + 1}))
    with pytest.raises(InputError, match=f"format version {FORMAT_VERSION + 1}, .* update atomsmith"):
        Potential.load(path)


@pytest.mark.parametrize("version", range(1, FORMAT_VERSION + 1))
def test_files_of_every_version_give_the_numbers_they_gave(version):
    """Written once by the library of their time; tests/data_files/README.md says how to add one."""
    potential = Potential.load(STORED / f"potential_v{version}.json")
    numbers = json.loads((STORED / f"potential_v{version}_numbers.json").read_text())
    systems = structures().replace(
        numbers=np.array(numbers["numbers"], dtype=np.int32),
        positions=np.array(numbers["positions"]),
        cells=np.array(numbers["cells"]),
        pbc=np.array(numbers["pbc"]),
        first=np.array(numbers["first"]),
    )
    found = results(potential, systems)
    assert found.keys() == numbers["results"].keys()
    for name, expected in numbers["results"].items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(found[name], expected, rtol=0.0, atol=1e-11 * scale, err_msg=name)


def results(potential, systems):
    """Numbers of a potential that must stay what they are, for `tests/data_files`."""
    evaluator = potential.evaluator()
    both = evaluator.predict_committee(systems)
    tau = np.linspace(0.1, 0.5, systems.n_systems)
    exact = evaluator.predict_biased(systems, tau, "posterior")
    drawn = evaluator.predict_biased(systems, tau, "committee")
    return {
        "energy": both.mean.energy,
        "forces": both.mean.forces,
        "virial": both.mean.virial,
        "member_energy": both.members.energy,
        "posterior_sigma": exact.sigma,
        "posterior_forces": exact.forces,
        "committee_sigma": drawn.sigma,
        "committee_virial": drawn.virial,
    }


def test_other_formats_and_folders_are_not_written_over(tmp_path):
    with pytest.raises(
        InputError, match=r"'.snapcoeff' is that of another program's format; .*`atomsmith export`"
    ):
        make_potential().save(tmp_path / "p.snapcoeff")
    with pytest.raises(InputError, match="is a folder"):
        make_potential().save(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_one_structure_is_not_taken_for_a_list():
    with pytest.raises(InputError, match=r"expected a list; put it into one: \[atoms\]"):
        make_potential().predict(bulk("Al"))
    with pytest.raises(InputError, match=r"expected a list; put it into one: \[atoms\]"):
        Dataset.from_atoms(bulk("Al"))
    with pytest.raises(InputError, match=r"PotentialSettings.model_validate"):
        fit([], {"solver": {"kind": "ridge"}})
