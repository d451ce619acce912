"""Run an assessment: items that are missing are made, all others are taken from the folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol as Interface

from atomsmith.assessment.candidates import Candidate, System, candidates_of
from atomsmith.assessment.protocol import Found, Protocol
from atomsmith.assessment.settings import AssessSettings
from atomsmith.assessment.store import Item, ItemStore, Task
from atomsmith.errors import InputError
from atomsmith.properties.base import Report


class Observer(Interface):
    """Is told what a run does."""

    def planned(self, tasks: int, known: int) -> None:
        """So many tasks, of which so many are done already."""

    def begins(self, task: Task) -> Report:
        """A task begins; returns what takes its progress."""

    def ended(self, item: Item) -> None:
        """A task has ended."""


@dataclass(frozen=True, eq=False)
class Assessment:
    """All that was found, for the report.

    Attributes
    ----------
    settings
        What was asked for.
    systems
        With their data.
    candidates
        By system and name, each with its sizes after it.
    found
        Items by part, system, potential and detail, in the order of the protocol.
    """

    settings: AssessSettings
    systems: dict[str, System]
    candidates: dict[str, dict[str, list[Candidate]]]
    found: Found = field(default_factory=dict)


def assess(
    settings: AssessSettings,
    folder: Path,
    observer: Observer,
    only: Sequence[str] = (),
    *,
    compute: bool = True,
) -> Assessment:
    """Make all items that are not in a folder yet, or are there as failures.

    Parameters
    ----------
    settings
        What to do.
    folder
        Keeps items and fits.
    observer
        Is told of each.
    only
        Names of systems to work on; of the others, what is in the folder is taken. All if there are none.
    compute
        False takes what is in the folder of all of them.

    Raises
    ------
    InputError
        If data cannot be read, or a system is unknown.
    """
    unknown = [name for name in only if name not in settings.systems]
    if unknown:
        raise InputError(
            f"system {unknown[0]!r} is not in the settings, which have {', '.join(settings.systems)}."
        )
    systems = {name: System.read(name, one) for name, one in settings.systems.items()}
    candidates = {
        name: candidates_of(system, folder, settings.executor, settings.threads)
        for name, system in systems.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    assessment = Assessment(settings, systems, candidates)
    tasks = {
        name: list(Protocol(settings, system, candidates[name], assessment.found).tasks())
        for name, system in systems.items()
    }
    working = {name for name in systems if compute and (not only or name in only)}
    _make(assessment, tasks, working, ItemStore(folder), observer)
    return assessment


def _make(
    assessment: Assessment,
    tasks: Mapping[str, Sequence[Task]],
    working: set[str],
    store: ItemStore,
    observer: Observer,
) -> None:
    """Take items from the store, and make those that are missing of some systems."""
    active = [task for name in tasks if name in working for task in tasks[name]]
    observer.planned(len(active), sum(_is_done(store.find(task)) for task in active))
    for name, found in tasks.items():
        for task in found:
            item = store.find(task)
            if not _is_done(item) and name in working:
                item = store.run(task, observer.begins(task))
                observer.ended(item)
            if item is not None:
                assessment.found[task.place] = item
        for sizes in assessment.candidates[name].values():
            for candidate in sizes:
                candidate.forget()
        assessment.systems[name].kept.forget()


def _is_done(item: Item | None) -> bool:
    """Whether there is nothing to do; failures are tried again, for what was missing may be there now."""
    return item is not None and item.failure is None
