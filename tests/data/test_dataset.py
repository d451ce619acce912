from pathlib import Path

import numpy as np
import pytest

from atomsmith.data import Configuration, Dataset
from atomsmith.errors import InputError


def test_is_a_sequence(make) -> None:
    items = [make(seed, config_type="a" if seed < 2 else "b") for seed in range(4)]
    dataset = Dataset(items)
    assert len(dataset) == 4
    assert dataset[1] is items[1]
    assert list(dataset[1:3]) == items[1:3]
    assert list(dataset[[3, 0]]) == [items[3], items[0]]
    assert list(dataset[:1] + dataset[3:]) == [items[0], items[3]]
    assert dataset.config_types == ("a", "b")
    assert list(dataset.of_type("b")) == items[2:]
    assert dataset.n_atoms == 20
    assert repr(dataset) == "Dataset(4 configurations, 20 atoms, Al Si)"


def test_fingerprint_depends_on_order_and_content(make) -> None:
    a, b = make(0), make(1)
    assert Dataset([a, b]).fingerprint() == Dataset([make(0), make(1)]).fingerprint()
    assert Dataset([a, b]).fingerprint() != Dataset([b, a]).fingerprint()
    assert Dataset([a]).fingerprint() != Dataset([a, a]).fingerprint()


def test_files_are_joined_in_order(tmp_path: Path, make) -> None:
    Dataset([make(0)]).write(tmp_path / "a.xyz")
    Dataset([make(1), make(2)]).write(tmp_path / "b.xyz.gz")
    joined = Dataset.read([tmp_path / "a.xyz", tmp_path / "b.xyz.gz"], check_stress=False)
    assert joined.fingerprint() == Dataset([make(0), make(1), make(2)]).fingerprint()


def test_equal_data_give_equal_compressed_files(tmp_path: Path, make) -> None:
    Dataset([make(0)]).write(tmp_path / "a.xyz.gz")
    Dataset([make(0)]).write(tmp_path / "b.xyz.gz")
    assert (tmp_path / "a.xyz.gz").read_bytes() == (tmp_path / "b.xyz.gz").read_bytes()


def atom(number: int, energy: float | None, box: float | None = None) -> Configuration:
    cell = np.zeros((3, 3)) if box is None else box * np.eye(3)
    return Configuration(
        np.array([number]), np.zeros((1, 3)), cell, np.full(3, box is not None), energy=energy
    )


def test_isolated_atoms_give_reference_energies(make) -> None:
    dataset = Dataset(
        [atom(14, -1.0), atom(13, -2.0, box=12.0), atom(13, -9.0, box=2.8), make(0), atom(8, None)]
    )
    assert dataset.isolated_atom_energies() == {14: -1.0, 13: -2.0}


def test_elements_of_isolated_atoms_alone_are_left_out(make) -> None:
    bonded, alone, boxed, known = make(0), atom(8, -1.0), atom(7, -2.0, box=12.0), atom(14, -3.0)
    assert list(Dataset([alone, bonded, boxed, known]).without_lone_elements()) == [bonded, known]
    assert list(Dataset([alone, boxed]).without_lone_elements()) == [alone, boxed]
    dense = atom(7, -2.0, box=2.8)
    assert list(Dataset([bonded, dense, boxed]).without_lone_elements()) == [bonded, dense, boxed]


def test_contradicting_isolated_atoms_are_refused() -> None:
    with pytest.raises(InputError, match=r"two isolated Si atoms have energies -1\.0.* and -1\.5"):
        Dataset([atom(14, -1.0), atom(14, -1.5)]).isolated_atom_energies()


def test_bad_arguments() -> None:
    with pytest.raises(InputError, match="item 0 of the data set is a str"):
        Dataset(["a"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="no file was given"):
        Dataset.read([])


def test_isolated_atoms_of_a_real_set(shared_data: Path) -> None:
    energies = Dataset.read(shared_data / "molecules" / "3BPA_iso_atoms.xyz.gz").isolated_atom_energies()
    assert sorted(energies) == [1, 6, 7, 8]
    assert energies[6] == -1029.4889999855063
