"""Labels for the configurations that wait in the store."""

from __future__ import annotations

import time
from pathlib import Path

from atomsmith.data.store import Store
from atomsmith.errors import LabelError
from atomsmith.learning.observer import Observer
from atomsmith.learning.settings import LearnSettings
from atomsmith.reference import FailureGuard, LabelRunner, isolated_atoms

SCRATCH = "scratch"


def label_pending(store: Store, runner: LabelRunner, guard: FailureGuard, observer: Observer) -> float:
    """Label what is pending, each result committed as soon as it is there; returns the seconds it took.

    ``guard`` counts on from one call to the next.

    Raises
    ------
    LabelError
        If several calculations in a row fail; what was computed until then is in the store.
    """
    pending = store.pending()
    if not pending:
        return 0.0
    started = time.perf_counter()
    with observer.labelling(len(pending)) as progress:
        for key, result in runner.run(pending):
            if result.configuration is not None:
                store.record_label(key, result.configuration, result.seconds)
            else:
                store.record_failure(key, result.reason or "no reason was given", result.seconds)
                observer.message(f"configuration {key} has no label: {result.reason}")
            progress(result.seconds, not result.ok)
            guard.record(result)
    return time.perf_counter() - started


def isolated_energy(symbol: str, settings: LearnSettings, folder: Path, observer: Observer) -> float | None:
    """Energy of a free atom in eV; None, with a message, where the reference cannot compute it."""
    try:
        return isolated_atoms([symbol], settings.reference, folder / SCRATCH)[symbol]
    except LabelError as error:
        observer.message(f"{error}; the reference energies are fitted instead")
        return None
