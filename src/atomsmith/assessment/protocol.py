"""Which items an assessment has: every part of the settings turned into tasks, in the order they are done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from atomsmith.assessment import motion, unseen
from atomsmith.assessment.accuracy import accuracy
from atomsmith.assessment.candidates import Candidate, System, opened_reference
from atomsmith.assessment.cost import cost
from atomsmith.assessment.fits import fit_candidate, learning_point
from atomsmith.assessment.settings import AssessSettings
from atomsmith.assessment.store import Item, Result, Task
from atomsmith.builders.crystals import ground_state
from atomsmith.data.configuration import Configuration
from atomsmith.errors import AtomsmithError, InputError
from atomsmith.properties.base import Report
from atomsmith.properties.equation_of_state import EosSettings, ReferenceCurve
from atomsmith.properties.registry import PROPERTIES
from atomsmith.reference.settings import ReferenceSettings
from atomsmith.settings import Settings

Found = dict[tuple[str, str, str, str], Item]
"""Items that are done, by part, system, potential and detail."""


@dataclass(frozen=True, eq=False)
class Protocol:
    """The tasks of one system.

    Attributes
    ----------
    settings
        Of the assessment.
    system
        The system.
    candidates
        Its potentials by name, each with its sizes after it.
    found
        Where tasks look for the results of earlier ones.
    """

    settings: AssessSettings
    system: System
    candidates: Mapping[str, list[Candidate]]
    found: Found

    def tasks(self) -> Iterator[Task]:
        """All tasks, those that others need before them."""
        yield from self._fits()
        yield from self._accuracy()
        yield from self._cost()
        yield from self._properties()
        yield from self._motion()
        yield from self._unseen()
        yield from self._learning_curves()

    def _all(self) -> list[Candidate]:
        return [candidate for sizes in self.candidates.values() for candidate in sizes]

    def _main(self) -> list[Candidate]:
        return [sizes[0] for sizes in self.candidates.values()]

    def _task(
        self,
        part: str,
        candidate: Candidate | None,
        inputs: Mapping[str, Any],
        compute: Callable[[Report], Result],
        detail: str = "",
    ) -> Task:
        name = "" if candidate is None else candidate.label
        about = {} if candidate is None else {"potential": identity(candidate)}
        return Task(part, self.system.name, name, detail, {**about, **inputs}, compute)

    def _result(self, part: str, potential: str, detail: str = "") -> Result:
        """Result of an earlier task.

        Raises
        ------
        InputError
            If it has none; the message says why.
        """
        item = self.found.get((part, self.system.name, potential, detail))
        if item is None:
            raise InputError(f"{part} of {potential} was not done")
        if item.failure is not None:
            raise InputError(item.failure)
        return item.result

    def _fits(self) -> Iterator[Task]:
        for candidate in self._all():
            if candidate.fit is not None:
                yield self._task("fit", candidate, {}, partial(fit_candidate, candidate))

    def _accuracy(self) -> Iterator[Task]:
        asked = self.settings.accuracy
        if asked is None or not (len(self.system.train) or len(self.system.test)):
            return
        sets = {"test": self.system.test, **({"train": self.system.train} if asked.train else {})}
        data = {name: self.system.fingerprints[name] for name in sets}
        for candidate in self._all():
            yield self._task("accuracy", candidate, {"data": data}, partial(accuracy, candidate, sets))

    def _cost(self) -> Iterator[Task]:
        asked = self.settings.cost
        if asked is None:
            return
        start = self._crystal()
        if start is None:
            largest = max((*self.system.train, *self.system.test), key=len, default=None)
            if largest is None:
                return
            start = largest.without_labels()
        potentials = {candidate.label: identity(candidate) for candidate in self._all()}
        inputs = {
            "settings": asked.model_dump(mode="json"),
            "crystal": start.fingerprint(labels=False),
            "potentials": potentials,
        }
        yield self._task("cost", None, inputs, partial(cost, self._all(), start, asked))

    def _crystal(self) -> Configuration | None:
        chosen = self.system.settings.crystal
        return None if chosen is None else chosen.build()

    def _properties(self) -> Iterator[Task]:
        crystal = self._crystal()
        if crystal is None:
            return
        asked = self.settings.properties
        chosen = [] if asked is None else list(asked.chosen())
        for place, (name, settings) in enumerate(chosen):
            if isinstance(settings, EosSettings) and settings.reference is None:
                curve = self.system.settings.curve or delta_curve(crystal)
                chosen[place] = name, settings.model_copy(update={"reference": curve})
        for candidate in self._main():
            for name, settings in chosen:
                yield self._property(candidate, crystal, name, settings)

    def _property(self, candidate: Candidate, crystal: Configuration, name: str, settings: Settings) -> Task:
        def compute(report: Report) -> Result:
            with candidate.opened(crystal.elements) as force_field:
                result = PROPERTIES[name].compute(force_field, crystal, settings, report=report)
            numbers: Result = result.to_dict()
            return numbers

        inputs = {
            "settings": settings.model_dump(mode="json"),
            "crystal": crystal.fingerprint(labels=False),
        }
        return self._task("properties", candidate, inputs, compute, name)

    def _learning_curves(self) -> Iterator[Task]:
        asked = self.settings.learning_curve
        if asked is None:
            return
        for candidate in self._main():
            if candidate.name not in asked.potentials if asked.potentials else candidate.fit is None:
                continue
            made = {"made_with": _made_with(candidate)} if candidate.fit is None else {}
            inputs = {**made, "test": self.system.fingerprints["test"]}
            for fraction in asked.fractions:
                # All data in another order are the same data.
                for seed in range(asked.seeds if fraction < 1.0 else 1):
                    yield self._task(
                        "learning_curve",
                        candidate,
                        {"fraction": fraction, "seed": seed, **inputs},
                        partial(learning_point, candidate, fraction, seed),
                        f"{fraction:g} order {seed}",
                    )

    def _motion(self) -> Iterator[Task]:
        asked, crystal = self.settings.motion, self._crystal()
        melting = self.system.settings.melting_point_k
        if asked is None or crystal is None or melting is None:
            return
        truth = self._judge(asked.truth)
        # What is right cannot err on its own way.
        drivers = [
            c
            for c in self._main()
            if asked.driver == c.name or (asked.driver is None and c.name != truth.name)
        ]
        run = {
            "settings": asked.model_dump(mode="json", exclude={"truth", "driver"}),
            "crystal": crystal.fingerprint(labels=False),
            "melting_point_k": melting,
        }
        for driver in drivers:
            yield self._task(
                "motion",
                driver,
                run,
                partial(motion.drive, driver, crystal, melting, asked),
                "snapshots",
            )
            judged = {**run, "truth": truth.identity}
            for detail, chosen in self._labels(truth).items():
                yield self._task(
                    "motion", driver, judged, partial(self._judged, truth, driver, chosen), detail
                )
        for candidate in self._main():
            mover = candidate if asked.driver is None else next(iter(drivers), None)
            if mover is None or truth.name == candidate.name:
                continue
            inputs = {**run, "truth": truth.identity, "driver": identity(mover)}
            yield self._task(
                "motion",
                candidate,
                inputs,
                partial(self._deviations, candidate, mover, list(self._labels(truth))),
                "errors",
            )

    def _labels(self, truth: _Judge) -> dict[str, slice]:
        """Items of labels, with the snapshots in each: one by one where each is dear, as by DFT."""
        asked = self.settings.motion
        assert asked is not None
        if truth.reference is None:
            return {"labels": slice(None)}
        return {f"label {k}": slice(k, k + 1) for k in range(asked.count * len(asked.fractions))}

    def _judged(self, truth: _Judge, driver: Candidate, chosen: slice, report: Report) -> Result:
        driven = self._result("motion", driver.label, "snapshots")
        with truth.opened(self._elements()) as force_field:
            return motion.judge(force_field, driven, chosen, report)

    def _deviations(
        self, candidate: Candidate, driver: Candidate, details: list[str], report: Report
    ) -> Result:
        driven = self._result("motion", driver.label, "snapshots")
        parts = [self._result("motion", driver.label, detail) for detail in details]
        labels = {key: [one for part in parts for one in part[key]] for key in ("energies", "forces")}
        return motion.deviations(candidate, driven, labels, report)

    def _elements(self) -> tuple[int, ...]:
        crystal = self._crystal()
        assert crystal is not None
        return crystal.elements

    def _unseen(self) -> Iterator[Task]:
        asked, crystal = self.settings.unseen, self._crystal()
        if asked is None or crystal is None or asked.geometry not in self.candidates:
            return
        relaxer = self.candidates[asked.geometry][0]
        truth = self._judge(asked.truth)
        made = {
            "settings": asked.model_dump(mode="json", exclude={"truth", "geometry"}),
            "crystal": crystal.fingerprint(labels=False),
            "geometry": identity(relaxer),
        }
        yield self._task(
            "unseen",
            relaxer,
            made,
            partial(unseen.geometries, relaxer, crystal, asked),
            "structures",
        )
        names = [unseen.GROUND, *asked.structures]
        for name in names:
            yield self._task(
                "unseen",
                None,
                {**made, "truth": truth.identity, "structure": name},
                partial(self._energy, truth, relaxer, name),
                f"truth {name}",
            )
        for candidate in self._main():
            if candidate.name != truth.name:
                yield self._task(
                    "unseen",
                    candidate,
                    {**made, "truth": truth.identity},
                    partial(self._compared, candidate, relaxer, names),
                    "compared",
                )

    def _energy(self, truth: _Judge, relaxer: Candidate, name: str, _report: Report) -> Result:
        structures = self._result("unseen", relaxer.label, "structures")["structures"]
        if name not in structures:
            raise InputError(f"{name} did not relax, so that there is no structure to ask about")
        with truth.opened(self._elements()) as force_field:
            return unseen.energies_at(force_field, structures, name)

    def _compared(
        self, candidate: Candidate, relaxer: Candidate, names: list[str], _report: Report
    ) -> Result:
        structures = self._result("unseen", relaxer.label, "structures")["structures"]
        energies: dict[str, float] = {}
        for name in names:
            item = self.found.get(("unseen", self.system.name, "", f"truth {name}"))
            if item is not None and item.failure is None:
                energies[name] = item.result["energy_ev_per_atom"]
        return unseen.compared(candidate, structures, energies)

    def _judge(self, truth: str | ReferenceSettings) -> _Judge:
        if not isinstance(truth, str):
            return _Judge("", {"reference": truth.model_dump(mode="json")}, self.settings, reference=truth)
        if truth not in self.candidates:
            return _Judge(truth, {"missing": truth}, self.settings)
        candidate = self.candidates[truth][0]
        return _Judge(truth, identity(candidate), self.settings, candidate=candidate)


@dataclass(frozen=True, eq=False)
class _Judge:
    """What is taken for right: a potential of the set, or a reference."""

    name: str
    identity: dict[str, Any]
    settings: AssessSettings
    candidate: Candidate | None = None
    reference: ReferenceSettings | None = None

    def opened(self, elements: tuple[int, ...]) -> Any:
        """Open it as a force field.

        Raises
        ------
        InputError
            If the system has no potential of this name.
        """
        if self.reference is not None:
            return opened_reference(self.reference, elements, self.settings.executor)
        if self.candidate is None:
            raise InputError(f"{self.name}, which is to judge, is no potential of this system")
        return self.candidate.opened(elements)


def identity(candidate: Candidate) -> dict[str, Any]:
    """All that a candidate's predictions depend on; why it cannot be read, if it cannot."""
    try:
        return candidate.identity
    except AtomsmithError as error:
        return {"unreadable": str(error)}


def _made_with(candidate: Candidate) -> dict[str, Any] | None:
    try:
        return candidate.made_with
    except AtomsmithError:  # Why it cannot be read is in its identity.
        return None


def delta_curve(crystal: Configuration) -> ReferenceCurve | None:
    """Curve of an element by all-electron DFT, as ASE carries it; None if it has none or of another crystal.

    WIEN2k with PBE: Lejaeghere et al., Science 351, aad3000 (2016). Lithium, sodium and others have the
    structure of their lowest temperatures there, and magnets their order; the volumes are those per atom.
    """
    from ase.collections import dcdft

    if len(crystal.elements) != 1 or crystal.symbols[0] not in dcdft.names:
        return None
    symbol = crystal.symbols[0]
    try:
        usual = ground_state(symbol).config_type
    except InputError:
        return None
    if crystal.config_type != usual:
        return None
    values = dcdft.data[symbol]
    return ReferenceCurve(
        volume_angstrom3_per_atom=values["wien2k_volume"],
        bulk_modulus_gpa=values["wien2k_B"],
        bulk_modulus_derivative=values["wien2k_Bp"],
    )
