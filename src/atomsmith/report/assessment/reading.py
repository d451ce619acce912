"""The items of an assessment as the report asks for them: numbers with the item that each is from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from atomsmith.assessment.candidates import Candidate
from atomsmith.assessment.quantities import QUANTITIES
from atomsmith.assessment.run import Assessment
from atomsmith.assessment.store import Item
from atomsmith.report.assessment.looks import Look, looks_of


@dataclass(frozen=True)
class Value:
    """A number, or why there is none, and the item that gave it.

    ``doubts`` are the sentences of the item that make the number unreliable.
    """

    number: float | None
    item: Item | None
    failure: str | None = None
    doubts: tuple[str, ...] = ()


NOTHING = Value(None, None)


@dataclass(frozen=True)
class Problem:
    """What went wrong or is doubtful in some results of a potential (of all, where it has no name)."""

    system: str
    potential: str
    text: str
    items: tuple[Item, ...]


def subject(item: Item) -> str:
    """What an item is about, in a word or two."""
    return " ".join(part for part in (item.part.removesuffix("properties"), item.detail) if part)


@dataclass(frozen=True, eq=False)
class Reading:
    """Numbers of an assessment by system and potential."""

    assessment: Assessment

    @property
    def systems(self) -> list[str]:
        """Names in the order of the settings."""
        return list(self.assessment.systems)

    @property
    def names(self) -> list[str]:
        """Names of potentials in the order of their first appearance."""
        return list(dict.fromkeys(n for found in self.assessment.candidates.values() for n in found))

    @property
    def looks(self) -> dict[str, Look]:
        """How each potential looks in figures, by name."""
        families: dict[str, str] = {}
        for found in self.assessment.candidates.values():
            for name, sizes in found.items():
                families.setdefault(name, sizes[0].family)
        return looks_of({name: families[name] for name in self.names})

    def sizes(self, system: str, name: str) -> list[Candidate]:
        """Candidates of a name, the sizes after the potential itself; empty if the system lacks it."""
        return self.assessment.candidates[system].get(name, [])

    def series(self, system: str) -> dict[str, list[Candidate]]:
        """Fits of one kind in several sizes, by the name of the first.

        These are the sizes of one potential, and fits whose `family` is the same before the first comma.
        """
        found: dict[tuple[str, bool], list[Candidate]] = {}
        for name, sizes in self.assessment.candidates[system].items():
            if sizes[0].fit is not None:
                given = sizes[0].entry.family
                key = (name, False) if given is None else (given.partition(",")[0].strip(), True)
                found.setdefault(key, []).extend(sizes)
        return {sizes[0].name: sizes for sizes in found.values() if len(sizes) > 1}

    def all_candidates(self, system: str) -> list[Candidate]:
        """All candidates of a system."""
        return [one for sizes in self.assessment.candidates[system].values() for one in sizes]

    def item(self, part: str, system: str, potential: str, detail: str = "") -> Item | None:
        """Return an item; None if it was not asked for or not made yet."""
        return self.assessment.found.get((part, system, potential, detail))

    def result(self, part: str, system: str, potential: str, detail: str = "") -> dict[str, Any] | None:
        """Return the result of an item; None if there is none."""
        item = self.item(part, system, potential, detail)
        return None if item is None or item.failure is not None else item.result

    def error(
        self,
        system: str,
        label: str,
        quantity: str,
        statistic: str = "mae",
        chosen: str = "test",
        kind: str = "",
    ) -> Value:
        """Error of energy, forces or stress on a set, in all or of a type of configuration."""
        item = self.item("accuracy", system, label)
        if item is None or item.failure is not None:
            return Value(None, item, None if item is None else item.failure)
        report = item.result["sets"].get(chosen)
        errors = None if report is None else report["by_type"].get(kind) if kind else report["total"]
        found = None if errors is None else errors[quantity]
        return Value(None if found is None else found[statistic], item)

    def cost(self, system: str, label: str) -> Value:
        """Microseconds of a step for one atom."""
        item = self.item("cost", system, "")
        if item is None or item.failure is not None:
            return Value(None, item, None if item is None else item.failure)
        found = item.result["potentials"].get(label, {})
        return Value(found.get("us_per_atom"), item, found.get("failure"))

    def quantity(self, system: str, label: str, name: str) -> Value:
        """A number of a property, by its name in `QUANTITIES`."""
        quantity = QUANTITIES[name]
        return self.found(system, label, quantity.property, quantity.find)

    def of_property(self, system: str, label: str, name: str, key: str) -> Value:
        """A number of a property by its key."""
        return self.found(system, label, name, lambda numbers: numbers.get(key))

    def found(
        self, system: str, label: str, name: str, find: Callable[[dict[str, Any]], float | None]
    ) -> Value:
        """What a function finds in the result of a property."""
        item = self.item("properties", system, label, name)
        if item is None or item.failure is not None:
            return Value(None, item, None if item is None else item.failure)
        return Value(find(item.result), item, doubts=tuple(item.result.get("problems", ())))

    def n_functions(self, candidate: Candidate) -> int | None:
        """Degrees of freedom; None for what has no file of this library."""
        if candidate.entry.reference is not None:
            return None
        result = self.result("fit", candidate.system.name, candidate.label)
        if result is not None:
            return int(result["n_functions"])
        if candidate.fit is not None:
            return None
        return candidate.potential().n_functions

    def cutoff(self, candidate: Candidate) -> Value:
        """Cutoff in angstrom."""
        if candidate.entry.reference is not None:
            return Value(candidate.entry.cutoff_angstrom, None)
        item = self.item("fit", candidate.system.name, candidate.label)
        if candidate.fit is not None:
            number = None if item is None or item.failure is not None else item.result["cutoff_angstrom"]
            return Value(number, item, None if item is None else item.failure)
        try:
            return Value(candidate.potential().cutoff, None)
        except Exception as error:
            return Value(None, None, str(error))

    def statements(self) -> Iterator[tuple[Item, str, str]]:
        """Everything that went wrong or is doubtful: item, potential and sentence."""
        for item in self.assessment.found.values():
            if item.failure is not None:
                yield item, item.potential, item.failure
            for problem in item.result.get("problems", ()):
                yield item, item.potential, problem
            if item.part == "cost":
                for label, found in item.result.get("potentials", {}).items():
                    if "failure" in found:
                        yield item, label, found["failure"]

    def problems(self) -> list[Problem]:
        """The same sentence on several results of a potential as one, in the order of their first."""
        found: dict[tuple[str, str, str], list[Item]] = {}
        for item, potential, text in self.statements():
            found.setdefault((item.system, potential, text), []).append(item)
        return [Problem(*about, tuple(items)) for about, items in found.items()]


def deviation(number: float | None, right: float | None) -> float | None:
    """Relative deviation from what is right; None where either is missing or that is zero."""
    if number is None or not right:
        return None
    return (number - right) / abs(right)


def pareto(points: list[tuple[str, float, float]]) -> list[str]:
    """Names of points (name, cost, error) that no other beats in both."""
    return [
        name
        for name, cost, error in points
        if not any(c <= cost and e <= error and (c < cost or e < error) for _, c, e in points)
    ]
