"""One pass over the data: rows are made and folded in leaves, here or by any executor, and forgotten.

Configurations are dealt to groups, and each group is cut into leaves of a fixed number of rows. A leaf is
folded on its own, by whoever is free, and the leaves of a group are merged in their order: the same sums in
the same order for any number of workers (TSQR, Demmel et al., SIAM J. Sci. Comput. 34, A206 (2012)). Only
as many leaves are under way as there are workers, so that neither rows nor results pile up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker, number_of_labels
from atomsmith.fitting.rows.factor_set import FactorSet, Group, KindFactors

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

Progress = Callable[[int], None]
"""Called with the number of configurations done."""


@dataclass(frozen=True)
class Workers:
    """Any executor, and how many calls it works on at the same time."""

    executor: Executor
    count: int


def leaf_rows(n_features: int) -> int:
    """Rows at which a leaf is full: its own elimination then costs 24 times as much as its merging."""
    return max(4096, 16 * n_features)


def deal(n_groups: int, seed: int, start: int = 0) -> Iterator[int]:
    """Group of each configuration from number ``start`` on, without end.

    Every ``n_groups`` configurations in a row go to different groups, in random order; later configurations
    do not change the groups of earlier ones.
    """
    deck = start // n_groups
    while True:
        groups = np.random.default_rng((seed, 303, deck)).permutation(n_groups)
        yield from (int(group) for group in groups[max(start - deck * n_groups, 0) :])
        deck += 1


@single_threaded()
def accumulate(
    maker: RowMaker,
    configurations: Iterable[Configuration],
    factors: FactorSet,
    *,
    seed: int = 0,
    workers: Workers | None = None,
    progress: Progress | None = None,
) -> None:
    """Add configurations to a set of factors.

    Parameters
    ----------
    maker
        What makes rows of them; the same for all configurations of a set.
    configurations
        Read once and in order; may be a generator, as no more are held than are being worked on.
    factors
        Changed. Configurations added in several calls give the same bits as all in one.
    seed
        Decides which configurations are dealt to which group.
    workers
        Fold leaves at the same time, one more being submitted than they work on; None does it here. The
        result has the same bits.
    progress
        Called with the number of configurations of this call that are done.
    """
    count = _Count(progress)
    leaves = _leaves(configurations, factors, leaf_rows(factors.n_features), seed)
    if workers is None:
        for leaf in leaves:
            _take(leaf, fold_leaf(maker, leaf.configurations, leaf.begun, leaf.full, count.add))
        return
    under_way: deque[tuple[_Leaf, Future[KindFactors]]] = deque()
    try:
        for leaf in leaves:
            future = workers.executor.submit(fold_leaf, maker, leaf.configurations, leaf.begun, leaf.full)
            under_way.append((leaf, future))
            if len(under_way) > workers.count:
                _finish(under_way, count)
        while under_way:
            _finish(under_way, count)
    finally:
        for _, future in under_way:
            future.cancel()


@single_threaded()
def fold_leaf(
    maker: RowMaker,
    configurations: Sequence[Configuration],
    begun: KindFactors | None,
    full: bool,
    progress: Progress | None = None,
) -> KindFactors:
    """Fold a leaf, or go on with one that was begun earlier; what an executor's workers call.

    Returns
    -------
    factors
        As triangles if the leaf is full, else with rows waiting for more.
    """
    found = KindFactors(maker.n_features) if begun is None else begun
    maker.fold(configurations, found, progress)
    return found.compact() if full else found


@dataclass(eq=False)
class _Leaf:
    """Configurations of one group to fold, the factors that hold the leaf's earlier ones, if any."""

    group: Group
    configurations: list[Configuration]
    begun: KindFactors | None
    full: bool


def _leaves(
    configurations: Iterable[Configuration], factors: FactorSet, size: int, seed: int
) -> Iterator[_Leaf]:
    """Deal configurations to groups and cut these into leaves; those not full come last."""
    n_groups = len(factors.groups)
    waiting: list[list[Configuration]] = [[] for _ in range(n_groups)]
    # Only the first leaf of each group goes on with what an earlier call left open.
    begun: list[KindFactors | None] = [group.open for group in factors.groups]
    rows = [group.open.n_labels for group in factors.groups]
    dealt = deal(n_groups, seed, factors.n_configurations)
    for configuration, index in zip(configurations, dealt, strict=False):
        waiting[index].append(configuration)
        rows[index] += number_of_labels(configuration)
        if rows[index] >= size:
            yield _Leaf(factors.groups[index], waiting[index], begun[index], full=True)
            waiting[index], begun[index], rows[index] = [], None, 0
    for index, group in enumerate(factors.groups):
        if waiting[index]:
            yield _Leaf(group, waiting[index], begun[index], full=False)


def _take(leaf: _Leaf, found: KindFactors) -> None:
    """Add a leaf that has been folded to its group."""
    if leaf.full:
        leaf.group.closed.merge(found)
        leaf.group.open = KindFactors(found.factors["energy"].n_features)
    else:
        leaf.group.open = found


def _finish(under_way: deque[tuple[_Leaf, Future[KindFactors]]], count: _Count) -> None:
    """Wait for the oldest leaf, so that leaves are merged in their order."""
    leaf, future = under_way.popleft()
    _take(leaf, future.result())
    count.add(len(leaf.configurations))


@dataclass
class _Count:
    """Adds up configurations for a progress bar."""

    progress: Progress | None
    done: int = 0

    def add(self, number: int) -> None:
        self.done += number
        if self.progress is not None:
            self.progress(self.done)
