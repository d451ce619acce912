"""The potentials that are assessed: what each is, and how it is opened as a force field."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.assessment.settings import PotentialEntry, SystemSettings
from atomsmith.data.dataset import Dataset
from atomsmith.errors import InputError
from atomsmith.exchange.formats import FORMATS, is_foreign, read_foreign
from atomsmith.fitting.digest import digest
from atomsmith.fitting.rows.kept import KeptFactors
from atomsmith.fitting.settings import FitSettings, PotentialSettings
from atomsmith.potential import Potential
from atomsmith.prediction import ForceField
from atomsmith.reference.lammps import potentials_folder
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings
from atomsmith.settings_file import load_settings, settings_from_assignments


@dataclass(frozen=True, eq=False)
class System:
    """A system with its data read.

    Attributes
    ----------
    name, settings
        As in the settings file.
    train, test
        Empty where there are none.
    kept
        Factors of the last fit: one that has the same basis and another solver needs no rows of its own.
    """

    name: str
    settings: SystemSettings
    train: Dataset
    test: Dataset
    kept: KeptFactors = field(default_factory=KeptFactors, repr=False)

    @classmethod
    def read(cls, name: str, settings: SystemSettings) -> System:
        """Read the data of a system; those of the test set that are in the training set are left out.

        Raises
        ------
        InputError
            If a file cannot be read, or nothing is left to test with.
        """
        train = Dataset() if settings.train is None else Dataset.read(_files(settings.train), settings.labels)
        test = Dataset() if settings.test is None else Dataset.read(_files(settings.test), settings.labels)
        unseen = test.without_structures_of(train)
        if len(test) and not len(unseen):
            raise InputError(
                f"systems.{name}: all {len(test)} configurations of 'test' are in 'train' as well, so that "
                "their errors test nothing; give others, or leave it out."
            )
        return cls(name, settings, train.without_lone_elements(), unseen)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of the data, by the name of the set."""
        return {"train": self.train.fingerprint(), "test": self.test.fingerprint()}


@dataclass(frozen=True, eq=False)
class Candidate:
    """One potential for one system.

    Attributes
    ----------
    system
        What it is assessed on.
    name
        Name of the series; ``size`` is added to it where it is one of several sizes.
    entry
        What the settings say of it.
    fit
        Settings of its fit; None where it is not fitted here.
    size
        Value of the key that sets its size; empty for the potential itself.
    store
        Where a fit is kept.
    executor, threads
        How references and the engine are run.
    """

    system: System
    name: str
    entry: PotentialEntry
    fit: PotentialSettings | None
    size: str
    store: Path
    executor: ExecutorSettings
    threads: int
    _loaded: dict[str, Potential] = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """Name with the size."""
        return f"{self.name} [{self.size}]" if self.size else self.name

    @cached_property
    def identity(self) -> dict[str, Any]:
        """All that its predictions depend on, as plain JSON values.

        Raises
        ------
        InputError
            If its file cannot be read.
        """
        zero = (
            {} if self.entry.energy_zero == "as_given" else {"energy_zero": self.system.fingerprints["train"]}
        )
        if self.fit is not None:
            return {
                "fit": self.fit.model_dump(mode="json", exclude={"data", "executor", "threads"}),
                "train": self.system.fingerprints["train"],
                **zero,
            }
        if self.entry.reference is not None:
            return {"reference": self.entry.reference.model_dump(mode="json"), **zero}
        assert self.entry.file is not None
        potential = self.potential()
        return {
            "file": self.entry.file.name,
            "content": digest(potential.plan, potential.coefficients),
            **zero,
        }

    @cached_property
    def made_with(self) -> dict[str, Any] | None:
        """Settings of the fit that a file tells it was made with; None if it tells none, or is not read.

        Raises
        ------
        InputError
            If its file cannot be read.
        """
        if self.entry.file is None:
            return None
        metadata = self.potential().metadata
        return metadata["settings"] if {"settings", "data"} <= set(metadata) else None

    def potential(self) -> Potential:
        """Load the potential, which a fit must have made before.

        Raises
        ------
        InputError
            If it is no potential of this library or an imported one, or cannot be read.
        """
        if "it" not in self._loaded:
            if self.fit is not None:
                if not self.store.is_file():
                    raise InputError("it was not fitted, so that there is nothing to assess")
                found = Potential.load(self.store)
            elif self.entry.file is not None:
                found = self._imported(self.entry.file)
            else:
                raise InputError("a reference has no file of a potential")
            # Neither the posterior nor a committee is asked for here, and they take most of the memory.
            self._loaded["it"] = replace(
                found, posterior=None, committee=np.zeros((0, len(found.coefficients)))
            )
        return self._loaded["it"]

    def _imported(self, path: Path) -> Potential:
        if not path.is_file():
            with suppress(InputError):
                shipped = potentials_folder() / path.name
                path = shipped if shipped.is_file() else path
        if not is_foreign(path):
            return Potential.load(path)
        return read_foreign(path, (), self.entry.elements)

    def forget(self) -> None:
        """Give back the memory of the loaded potential."""
        self._loaded.clear()

    @contextmanager
    def opened(self, numbers: Sequence[int]) -> Iterator[ForceField]:
        """Open it as a force field for elements given by their atomic numbers.

        Raises
        ------
        InputError
            If it lacks an element, or what it needs is missing.
        """
        if self.entry.reference is not None:
            with opened_reference(self.entry.reference, numbers, self.executor) as force_field:
                yield force_field
            return
        potential = self.potential()
        if ignorance := potential.ignorance(numbers):
            raise InputError(ignorance)
        yield potential.evaluator(skin=0.5, n_threads=self.threads)

    @property
    def family(self) -> str:
        """Kind of potential for the report."""
        if self.entry.family is not None:
            return self.entry.family
        if self.fit is not None:
            kinds = [term.descriptor.kind for term in self.fit.model.terms]
            return max(kinds, key=lambda kind: kind != "pair")
        if self.entry.file is not None:
            known = FORMATS.get(self.entry.file.suffix.lower())
            return known.name if known else "potential.json"
        assert self.entry.reference is not None
        return str(getattr(self.entry.reference, "pair_style", self.entry.reference.kind)).split()[0]


@contextmanager
def opened_reference(
    reference: ReferenceSettings, numbers: Sequence[int], executor: ExecutorSettings
) -> Iterator[ForceField]:
    """Open a reference as a force field for some elements."""
    from atomsmith.reference.force_field import ReferenceForceField

    elements = np.array(sorted(numbers), dtype=np.int32)
    with (
        tempfile.TemporaryDirectory(prefix="atomsmith-") as scratch,
        ReferenceForceField(reference, elements, Path(scratch), executor) as force_field,
    ):
        yield force_field


def candidates_of(
    system: System, folder: Path, executor: ExecutorSettings, threads: int
) -> dict[str, list[Candidate]]:
    """Potentials of a system by name, each with its sizes after it.

    Raises
    ------
    InputError
        If settings of a fit cannot be read, or do not have the keys of its sizes.
    """
    from atomsmith.assessment.store import file_name

    found: dict[str, list[Candidate]] = {}
    for name, entry in system.settings.potentials.items():
        sizes: list[tuple[str, list[str]]] = [("", [])]
        if entry.sizes is not None:
            sizes += [(str(v), [f"{entry.sizes.key}={v}"]) for v in entry.sizes.values]
        found[name] = [
            Candidate(
                system=system,
                name=name,
                entry=entry,
                fit=_fit_settings(f"systems.{system.name}.potentials.{name}", entry, more, threads),
                size=size,
                store=folder / "fits" / file_name(system.name) / f"{file_name(name + size)}.json",
                executor=executor,
                threads=threads,
            )
            for size, more in sizes
        ]
    return found


def _fit_settings(
    place: str, entry: PotentialEntry, more: Sequence[str], threads: int
) -> PotentialSettings | None:
    overrides = [*entry.overrides, *more]
    if entry.fit_file is not None:
        loaded = load_settings(entry.fit_file, FitSettings, overrides, place)
        chosen = {name: getattr(loaded, name) for name in PotentialSettings.model_fields}
        return PotentialSettings.model_construct(**{**chosen, "threads": threads})
    if entry.fit is None:
        return None
    if not overrides:
        return entry.fit.model_copy(update={"threads": threads})
    values: Any = entry.fit.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return settings_from_assignments(PotentialSettings, overrides, place, values).model_copy(
        update={"threads": threads}
    )


def _files(given: Path | tuple[Path, ...]) -> list[str | Path]:
    return [given] if isinstance(given, Path) else list(given)
