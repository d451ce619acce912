"""Labels for the configurations that wait in the store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from atomsmith.data.store import Store
from atomsmith.errors import LabelError
from atomsmith.learning.observer import Observer
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


def isolated_energies(
    symbols: Iterable[str], runner: LabelRunner, observer: Observer
) -> Iterator[tuple[str, float | None]]:
    """Energies of free atoms in eV as they are done; None, with a message, once one cannot be computed."""
    try:
        yield from isolated_atoms(symbols, runner)
    except LabelError as error:
        observer.message(f"{error}; the reference energies are fitted instead")
        yield "", None
