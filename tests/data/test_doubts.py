"""Units and signs of labels that contradict each other are named; right ones, and poor evidence, are not."""

import dataclasses
import warnings
from pathlib import Path

import ase.build
import numpy as np
import pytest
from ase.calculators.emt import EMT

from atomsmith import Dataset
from atomsmith.data.doubts import doubts
from atomsmith.data.snapshot_pairs import find_snapshot_pairs
from atomsmith.errors import LabelWarning


@pytest.fixture(scope="module")
def crystal() -> Dataset:
    """Thermal displacements of a sheared cell, and of a slab in vacuum."""
    rng = np.random.default_rng(4)
    frames = []
    cell = ase.build.bulk("Cu", cubic=True).repeat(2)
    cell.set_cell(cell.cell.array @ np.array([[1, 0.02, 0], [0.02, 1, 0], [0, 0, 1]]), scale_atoms=True)
    for start in (cell, ase.build.fcc111("Cu", (2, 2, 4), vacuum=6.0)):
        for _ in range(12):
            atoms = start.copy()
            atoms.rattle(0.07, rng=rng)
            atoms.positions += 0.3 * rng.normal(size=3)  # means nothing
            atoms.calc = EMT()
            atoms.get_potential_energy()
            if atoms.pbc.all():
                atoms.get_stress()
            frames.append(atoms)
    return Dataset.from_atoms(frames)


def scaled(data: Dataset, energy: float = 1.0, forces: float = 1.0, stress: float = 1.0) -> Dataset:
    return Dataset(
        dataclasses.replace(
            c,
            energy=c.energy * energy,
            forces=c.forces * forces,
            stress=None if c.stress is None else c.stress * stress,
        )
        for c in data
    )


def test_energies_differ_by_the_work_of_the_forces(crystal: Dataset) -> None:
    pairs = find_snapshot_pairs(crystal)
    assert len(pairs) == 2 * 12 * 11 // 2
    assert set(pairs.atoms) == {16, 32}
    correlation = np.corrcoef(pairs.energy / pairs.atoms, pairs.work / pairs.atoms)[0, 1]
    assert correlation > 0.98
    assert doubts(crystal) == []


@pytest.mark.parametrize(
    ("factors", "said"),
    [
        ({"energy": 1 / 27.2114}, "energies look like hartree"),
        ({"energy": 23.06}, "energies look like kcal/mol"),
        ({"forces": -1.0}, "the sign of the forces seems reversed;"),
        ({"forces": 1 / 51.422}, "forces look like hartree/bohr"),
        ({"energy": 1 / 27.2114, "forces": 1 / 51.422}, "forces look like derivatives by bohr"),
        ({"energy": 1e7}, "no known unit explains that"),
        ({"stress": 160.2}, "it looks like GPa; read it with labels: {stress_unit: GPa}"),
        ({"stress": -1.0}, "its sign seems reversed (compression is positive); read it"),
        ({"stress": -1602.0}, "labels: {stress_sign: compression, stress_unit: kbar}"),
        ({"stress": 1e-4}, "no known unit explains that; check"),
    ],
)
def test_a_wrong_factor_is_named(crystal: Dataset, factors: dict[str, float], said: str) -> None:
    (found,) = doubts(scaled(crystal, **factors))
    assert said in found


def test_energies_per_atom_are_named(crystal: Dataset) -> None:
    bulk = Dataset(c.replace(energy=c.energy / len(c)) for c in crystal if len(c) == 32)
    assert "energies look like energies per atom" in doubts(bulk)[0]


def test_labels_without_relation_raise_no_doubt(crystal: Dataset) -> None:
    rng = np.random.default_rng(0)
    noise = Dataset(
        c.replace(
            forces=rng.normal(size=c.forces.shape), stress=None if c.stress is None else rng.normal(size=6)
        )
        for c in crystal
    )
    assert doubts(noise) == []
    assert doubts(Dataset(c.replace(forces=0.0 * c.forces) for c in crystal)) == []
    assert doubts(crystal[:3]) == []


def test_reading_warns(crystal: Dataset, tmp_path: Path) -> None:
    scaled(crystal, forces=-1.0).write(tmp_path / "train.xyz")
    with pytest.warns(
        LabelWarning, match=r"train\.xyz: energies of .* the sign of the forces seems reversed"
    ):
        Dataset.read(tmp_path / "train.xyz")
    crystal.write(tmp_path / "right.xyz")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Dataset.read(tmp_path / "right.xyz")
