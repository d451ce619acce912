"""Factors that outlive a fit, so that the next one folds only the configurations that are new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from atomsmith.fitting.digest import digest
from atomsmith.fitting.rows.design import RowMaker
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.streaming import Progress, Workers, accumulate

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration


@dataclass(eq=False)
class _Entry:
    """Factors, what makes their rows, and the fingerprints of the configurations in them, in order."""

    key: str
    factors: FactorSet
    folded: list[str]


class KeptFactors:
    """Factors of the last fits, by what their rows are made with.

    A fit goes on with them if its basis, weights and reference energies are the same and its configurations
    begin with theirs; else it starts again. Either way the bits are those of a start from nothing.

    Parameters
    ----------
    entries
        Bases to keep factors of; the one that was not used for longest is dropped.
    """

    def __init__(self, entries: int = 1) -> None:
        self._size = entries
        self._entries: list[_Entry] = []

    def forget(self) -> None:
        """Give back the memory."""
        self._entries.clear()

    def update(
        self,
        maker: RowMaker,
        configurations: Sequence[Configuration],
        n_groups: int,
        seed: int,
        *,
        workers: Workers | None = None,
        progress: Progress | None = None,
    ) -> FactorSet:
        """Factors of the configurations; see `atomsmith.fitting.rows.streaming.accumulate`."""
        key = _key(maker, n_groups, seed)
        fingerprints = [c.fingerprint() for c in configurations]
        entry = self._take(key, fingerprints) or _Entry(key, FactorSet(maker.n_features, n_groups), [])
        done = len(entry.folded)
        accumulate(
            maker,
            configurations[done:],
            entry.factors,
            seed=seed,
            workers=workers,
            progress=None if progress is None else lambda count: progress(done + count),
        )
        entry.folded = fingerprints
        self._entries = [*self._entries, entry][-self._size :]
        return entry.factors

    def _take(self, key: str, fingerprints: list[str]) -> _Entry | None:
        """Remove and return the entry that these configurations begin with; it is put back when complete."""
        for index, entry in enumerate(self._entries):
            if entry.key == key:
                del self._entries[index]
                return entry if entry.folded == fingerprints[: len(entry.folded)] else None
        return None


def _key(maker: RowMaker, n_groups: int, seed: int) -> str:
    """Digest of all that rows and their grouping depend on, beside the configurations."""
    return digest(maker.plan, maker.weights.model_dump(), maker.reference, n_groups, seed)
