import hashlib
import math

import numpy as np
import pytest
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st

from atomsmith.data import Configuration
from atomsmith.errors import InputError

WATER = {"numbers": [8, 1, 1], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}


def test_arrays_are_copies_and_read_only() -> None:
    positions = np.zeros((1, 3))
    configuration = Configuration(np.array([1]), positions)
    positions[0, 0] = 5.0
    assert configuration.positions[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        configuration.positions[0, 0] = 1.0


def test_properties_of_water() -> None:
    water = Configuration(**WATER, energy=-14.0)  # type: ignore[arg-type]
    assert water.formula == "H2O"
    assert water.elements == (1, 8)
    assert water.symbols == ["O", "H", "H"]
    assert water.labels == ("energy",)
    assert water.without_labels().labels == ()
    assert water.shortest_distance() == pytest.approx(0.96, abs=1e-12)
    assert water.volume == 0.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": [[0, 0, 0], [0, 0, 1], [0, np.nan, 0]]}, r"atom 2 \(H\): the position .* not finite"),
        ({"cell": 0.01 * np.eye(3), "pbc": True}, r"1e-06 cubic angstrom for 3 atoms: check the unit"),
        ({"positions": [[0, 0, 0]]}, r"position has shape \(1, 3\), expected \(3, 3\)"),
        ({"forces": np.zeros((2, 3))}, r"force has shape \(2, 3\), expected \(3, 3\)"),
        ({"forces": [[0, 0, 0], [np.inf, 0, 0], [0, 0, 0]]}, r"atom 1 \(H\): the force"),
        ({"numbers": [8, 1, 200]}, "atom 2 has atomic number 200"),
        ({"numbers": [8, 1, 1.5]}, r"atom 2 has atomic number 1\.5"),
        ({"energy": math.nan}, "energy is nan"),
        ({"weight": -1.0}, "weight is -1.0; it must be finite and at least 0"),
        ({"stress": np.zeros(6)}, "whose cell has no volume"),
        ({"pbc": [True, False, False]}, "periodic along lattice vector 1, which is zero"),
        ({"cell": np.ones((3, 3)), "pbc": True}, "linearly dependent"),
        ({"config_type": ""}, "config_type must be a name"),
        ({"info": {"a": {"b": object()}}}, r"info\['a'\]\['b'\] is a object"),
    ],
)
def test_bad_input_is_one_sentence(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Configuration(**(WATER | changes))  # type: ignore[arg-type]


def test_fingerprint_is_stable_across_versions() -> None:
    """Recomputed here from the documented content: files written today must match in later versions."""
    configuration = Configuration(**WATER, energy=-1.5)  # type: ignore[arg-type]
    digest = hashlib.sha256(b"atomsmith configuration 1")
    digest.update(np.array([8, 1, 1], "<i4").tobytes())
    digest.update(np.array(WATER["positions"], "<f8").tobytes())
    digest.update(np.zeros(12, "<f8").tobytes())
    assert configuration.fingerprint(labels=False) == digest.hexdigest()
    digest.update(b"+" + np.array([-1.5], "<f8").tobytes() + b"-" + b"-" + b"default")
    digest.update(np.ones(4, "<f8").tobytes())
    assert configuration.fingerprint() == digest.hexdigest()


def test_fingerprint_sees_what_matters(make) -> None:
    reference = make(1)
    for changed in (
        reference.replace(energy=reference.energy + 1e-12),
        reference.replace(forces=None),
        reference.replace(config_type="other"),
        reference.replace(stress_weight=2.0),
        reference.replace(positions=reference.positions[::-1]),
    ):
        assert changed.fingerprint() != reference.fingerprint()
    assert reference.replace(info={"note": 1}).fingerprint() == reference.fingerprint()
    zeros = Configuration(**(WATER | {"positions": -0.0 * np.ones((3, 3))}))  # type: ignore[arg-type]
    plus = Configuration(**(WATER | {"positions": np.zeros((3, 3))}))  # type: ignore[arg-type]
    assert zeros.fingerprint() == plus.fingerprint()


def test_ase_round_trip(make) -> None:
    reference = make(2, config_type="bulk", forces_weight=3.0, info={"split": "train"})
    atoms = reference.to_atoms()
    assert atoms.get_potential_energy() == reference.energy
    assert np.array_equal(atoms.get_forces(), reference.forces)
    assert np.array_equal(atoms.get_stress(), reference.stress)
    assert atoms.info == {"split": "train", "config_type": "bulk", "forces_weight": 3.0}
    bare = Configuration.from_atoms(atoms)
    assert bare.labels == ()
    assert (
        bare.fingerprint()
        == Configuration(reference.numbers, reference.positions, reference.cell, reference.pbc).fingerprint()
    )


def test_unlabelled_atoms_have_no_calculator() -> None:
    assert Configuration(**WATER).to_atoms().calc is None  # type: ignore[arg-type]


def test_shortest_distance_of_one_atom_is_to_its_image() -> None:
    assert Configuration.from_atoms(bulk("Cu", a=3.6)).shortest_distance() == pytest.approx(3.6 / 2**0.5)
    assert Configuration(np.array([1]), np.zeros((1, 3))).shortest_distance() == math.inf


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 4), periodic=st.tuples(*[st.booleans()] * 3))
def test_shortest_distance_against_all_images(seed: int, n: int, periodic: tuple[bool, bool, bool]) -> None:
    rng = np.random.default_rng(seed)
    cell = 4.0 * np.eye(3) + rng.normal(scale=0.8, size=(3, 3))
    scaled = rng.uniform(size=(n, 3)) + rng.integers(-2, 3, size=(n, 3)) * np.array(periodic)
    configuration = Configuration(np.ones(n, np.int32), scaled @ cell, cell, np.array(periodic))
    ranges = [np.arange(-7, 8) if p else [0] for p in periodic]
    images = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = (scaled[None, :, None] - scaled[:, None, None] + images[None, None]) @ cell
    distances = np.linalg.norm(vectors, axis=-1)
    itself = (np.eye(n, dtype=bool)[:, :, None]) & ~images.any(axis=1)[None, None, :]
    expected = distances[~itself].min(initial=math.inf)
    assert configuration.shortest_distance() == pytest.approx(expected, rel=1e-9)
