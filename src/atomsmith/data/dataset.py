"""An immutable sequence of configurations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, overload

from atomsmith.data.configuration import Configuration
from atomsmith.data.doubts import warn_of_doubts
from atomsmith.data.extxyz import format_extxyz
from atomsmith.data.files import replacing
from atomsmith.data.labels import LabelNames
from atomsmith.data.reading import configurations_from_atoms, read_configurations
from atomsmith.data.stress_check import require_consistent_stress
from atomsmith.elements import symbol_of
from atomsmith.errors import InputError
from atomsmith.wording import counted

if TYPE_CHECKING:
    from ase import Atoms

    from atomsmith.data.filtering import FilterReport, FilterSettings
    from atomsmith.data.splitting import SplitSettings
    from atomsmith.data.summary import Summary


class Dataset(Sequence[Configuration]):
    """Configurations with labels; indexing gives one, slicing and ``+`` give new data sets.

    Parameters
    ----------
    configurations
        Any iterable of `Configuration`.
    """

    def __init__(self, configurations: Iterable[Configuration] = ()) -> None:
        self._items = tuple(configurations)
        for k, item in enumerate(self._items):
            if not isinstance(item, Configuration):
                raise InputError(
                    f"item {k} of the data set is a {type(item).__name__}, expected a Configuration: "
                    "use Dataset.from_atoms for ASE atoms"
                )

    @classmethod
    def read(
        cls,
        paths: str | Path | Sequence[str | Path],
        labels: LabelNames | None = None,
        *,
        labelled: bool = True,
        check_stress: bool = True,
    ) -> Dataset:
        """Read one file or several; formats are told in `read_configurations`.

        Parameters
        ----------
        paths
            A file or a list of files.
        labels
            Names of labels and conventions of the stress; what is not given is found.
        labelled
            Refuse files in which no label is found.
        check_stress
            Refuse a stress that contradicts the energies of strained cells, where there are any, and warn of
            forces that contradict energies, and of stresses that contradict forces (`LabelWarning`).

        Raises
        ------
        InputError
            For malformed files, missing, misspelt or ambiguous labels, and contradicting stresses.
        """
        files = [paths] if isinstance(paths, str | Path) else list(paths)
        if not files:
            raise InputError("no file was given to read configurations from")
        dataset = cls(c for file in files for c in read_configurations(file, labels, labelled=labelled))
        if check_stress:
            where = ", ".join(map(str, files))
            check = require_consistent_stress(dataset, where)
            warn_of_doubts(dataset, where, stress=check.verdict == "undecided")
        return dataset

    @classmethod
    def from_atoms(
        cls, atoms: Iterable[Atoms], labels: LabelNames | None = None, *, labelled: bool = True
    ) -> Dataset:
        """Take ASE ``Atoms`` with the labels of their calculators, ``info`` and ``arrays``."""
        if hasattr(atoms, "positions"):
            raise InputError(
                "One structure was given to from_atoms, expected a list; put it into one: [atoms]."
            )
        return cls(configurations_from_atoms(atoms, labels, labelled=labelled))

    def write(self, path: str | Path) -> None:
        """Write extended XYZ (``.gz`` compresses) that ASE reads too, without loss of digits.

        The file appears whole or not at all.
        """
        with replacing(path) as stream:
            for text in format_extxyz(iter(self)):
                stream.write(text)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Configuration]:
        return iter(self._items)

    @overload
    def __getitem__(self, index: int) -> Configuration: ...

    @overload
    def __getitem__(self, index: slice | Sequence[int]) -> Dataset: ...

    def __getitem__(self, index: int | slice | Sequence[int]) -> Configuration | Dataset:
        if isinstance(index, slice):
            return Dataset(self._items[index])
        if isinstance(index, Sequence) or hasattr(index, "__iter__"):
            return Dataset(self._items[int(k)] for k in index)
        return self._items[index]

    def __add__(self, other: Iterable[Configuration]) -> Dataset:
        return Dataset((*self._items, *other))

    def __repr__(self) -> str:
        symbols = " ".join(symbol_of(z) for z in self.elements)
        size = f"{counted(len(self), 'configuration')}, {counted(self.n_atoms, 'atom')}"
        return f"Dataset({size}, {symbols or 'no elements'})"

    @property
    def n_atoms(self) -> int:
        """Number of atoms in all configurations."""
        return sum(c.n_atoms for c in self._items)

    @property
    def elements(self) -> tuple[int, ...]:
        """Atomic numbers that occur, ascending."""
        return tuple(sorted({z for c in self._items for z in c.elements}))

    @property
    def config_types(self) -> tuple[str, ...]:
        """Configuration types in order of first appearance."""
        return tuple(dict.fromkeys(c.config_type for c in self._items))

    def of_type(self, config_type: str) -> Dataset:
        """The configurations of one type."""
        return Dataset(c for c in self._items if c.config_type == config_type)

    def fingerprint(self) -> str:
        """SHA-256 of the contents in order (see `Configuration.fingerprint`)."""
        digest = hashlib.sha256()
        for configuration in self._items:
            digest.update(bytes.fromhex(configuration.fingerprint()))
        return digest.hexdigest()

    def isolated_atom_energies(self) -> dict[int, float]:
        """Energies in eV of free atoms, from configurations of one atom that has no neighbours.

        Returns
        -------
        dict
            Energy by atomic number, for the elements of which there is such a configuration.

        Raises
        ------
        InputError
            If two such configurations of one element differ by more than 1e-4 eV.
        """
        energies: dict[int, float] = {}
        for configuration in self._items:
            if configuration.energy is None or not configuration.is_isolated_atom:
                continue
            number = int(configuration.numbers[0])
            known = energies.setdefault(number, configuration.energy)
            if abs(known - configuration.energy) > 1e-4:
                raise InputError(
                    f"two isolated {symbol_of(number)} atoms have energies {known:.6f} and "
                    f"{configuration.energy:.6f} eV: keep the right one"
                )
        return energies

    def without_lone_elements(self) -> Dataset:
        """Leave out isolated atoms of elements that no other configuration holds: they have nothing to teach.

        A data set of isolated atoms alone stays as it is.
        """
        met = {z for c in self._items if not c.is_isolated_atom for z in c.elements}
        return Dataset(c for c in self._items if met.issuperset(c.elements)) if met else self

    def without_structures_of(self, other: Dataset) -> Dataset:
        """Leave out configurations whose atoms and cells stand in another data set, whatever their labels."""
        known = {c.fingerprint(labels=False) for c in other}
        return Dataset(c for c in self._items if c.fingerprint(labels=False) not in known)

    def split(self, settings: SplitSettings | None = None) -> tuple[Dataset, Dataset]:
        """Split into training and test sets; see `atomsmith.data.splitting`."""
        from atomsmith.data.splitting import SplitSettings, split

        return split(self, settings or SplitSettings())

    def filter(self, settings: FilterSettings) -> FilterReport:
        """Leave out configurations; see `atomsmith.data.filtering`."""
        from atomsmith.data.filtering import filter_dataset

        return filter_dataset(self, settings)

    def summary(self) -> Summary:
        """Counts and ranges by configuration type; ``print`` it or take ``as_dict()``."""
        from atomsmith.data.summary import summarise

        return summarise(self)
