"""What a fit will take, in seconds and bytes, told before it begins.

Time is measured on a few of the configurations and extrapolated by atoms, rows and columns; memory is counted
from the arrays that are held at the same time.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.errors import InputError
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import BLOCK_BYTES, RowMaker, number_of_labels
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.rows.streaming import leaf_rows
from atomsmith.fitting.solvers.registry import Solver
from atomsmith.fitting.strength import leaves_strength
from atomsmith.fitting.weights import KINDS
from atomsmith.wording import counted

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

SAMPLE = 12
"""Least number of configurations that are timed, spread over the data."""
ELIMINATED = 2560
"""Most rows whose elimination is timed. Where a block has more, a part of one is timed on an empty factor: a
row of 1,024 then took 1.2 times that of one among 2,500."""
SOLVE_CUBES = {"ridge": 40.0, "evidence": 40.0, "ard": 250.0, "elimination": 60.0}
"""Time of a solver in that of n^3 multiplications and additions of the elimination; for ARD a typical one."""
FOLD_CUBES = 8.0
"""Merging and predicting each group from the others, in the same unit."""
STRENGTH_CUBES = 8.0
"""Trying strengths of the prior on each group left out, in the same unit."""
SOLVE_SQUARES = 16.0
"""n x n arrays that the solver holds at the same time, beside factors."""
WORKER_BYTES = 100 * 2**20
"""Memory of a worker process that has loaded the library."""
WORKER_SECONDS = 1.0
"""Time in which workers start."""


@dataclass(frozen=True)
class Estimate:
    """Size of a fit, and what it will take.

    Attributes
    ----------
    n_configurations, n_atoms, n_rows, n_features
        Size of the data and of the design matrix.
    workers
        Processes that make rows, 0 if this one does.
    rows_seconds, solve_seconds
        Wall time for making and folding rows, and for the rest, on an idle machine.
    peak_bytes
        Largest memory of all processes together, with what is held already.
    """

    n_configurations: int
    n_atoms: int
    n_rows: int
    n_features: int
    workers: int
    rows_seconds: float
    solve_seconds: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        """Wall time in all."""
        return self.rows_seconds + self.solve_seconds

    @property
    def text(self) -> str:
        """One line for a terminal."""
        where = f" with {counted(self.workers, 'worker')}" if self.workers else ""
        return (
            f"{counted(self.n_rows, 'row')} of {counted(self.n_configurations, 'configuration')} "
            f"({counted(self.n_atoms, 'atom')}) for {counted(self.n_features, 'coefficient')}: about "
            f"{self.seconds:,.0f} s{where}, {self.peak_bytes / 2**20:,.0f} MiB of memory at most"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"seconds": self.seconds}


@single_threaded()
def estimate(
    maker: RowMaker,
    configurations: Sequence[Configuration],
    solver: Solver,
    *,
    n_groups: int,
    passes: int = 1,
    workers: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Estimate:
    """Estimate a fit from a few of its configurations.

    Parameters
    ----------
    maker, configurations
        What the fit works on.
    solver
        Of the fit.
    n_groups
        Groups of configurations, each of which is predicted from the others.
    passes
        Over the data: 2 for a robust fit, which also solves twice and keeps the factors of both.
    workers
        Processes that make rows; 0 if this one does.
    clock
        Seconds; of the processor rather than the wall to look through other programs' load.
    """
    n = maker.n_features
    atoms = sum(len(c.numbers) for c in configurations)
    rows = sum(number_of_labels(c) for c in configurations)
    per_atom, per_row = _time_rows(maker, configurations, clock)
    making = (per_atom * atoms + per_row * rows) / max(workers, 1) + WORKER_SECONDS * (workers > 0)
    cube = 0.5 * n * per_row  # per_row is 2 n^2 operations
    leaves = rows / leaf_rows(n)
    # A block is full when its last configuration has been added.
    block = BLOCK_BYTES + 8 * n * max(number_of_labels(c) for c in configurations)
    by_kind = [sum(number_of_labels(c, kind) for c in configurations) for kind in KINDS]
    own = resident_bytes() + parent_bytes(n, n_groups, by_kind, 0 if workers else block, passes)
    judging = FOLD_CUBES * n_groups if n_groups > 1 else 0.0
    choosing = STRENGTH_CUBES * n_groups if n_groups > 1 and leaves_strength(solver, rows, n) else 0.0
    return Estimate(
        n_configurations=len(configurations),
        n_atoms=atoms,
        n_rows=rows,
        n_features=n,
        workers=workers,
        rows_seconds=passes * (making + leaves * cube),
        solve_seconds=cube * (passes * (SOLVE_CUBES[solver.kind] + choosing) + judging),
        peak_bytes=own + workers * worker_bytes(n, block),
    )


def _time_rows(
    maker: RowMaker, configurations: Sequence[Configuration], clock: Callable[[], float]
) -> tuple[float, float]:
    """Seconds for the rows of one atom, and for the elimination of one row."""
    n = maker.n_features
    mean = np.mean([len(c.numbers) for c in configurations])
    count = min(len(configurations), max(SAMPLE, int(np.ceil(n / (3.0 * mean)))))
    chosen = [configurations[int(k)] for k in np.linspace(0, len(configurations) - 1, count)]
    evaluator = maker.evaluator()
    maker.rows(chosen[:1], evaluator)  # the first call also loads and allocates
    start = clock()
    made = maker.rows(chosen, evaluator)
    per_atom = (clock() - start) / sum(len(c.numbers) for c in chosen)
    del made
    rng = np.random.default_rng(0)
    loaded = TriangularFactor(8)
    loaded.fold(rng.standard_normal((16, 8)), np.zeros(16))
    loaded.compact()
    factor = TriangularFactor(n)
    block = np.asfortranarray(rng.standard_normal((min(factor.capacity, ELIMINATED), n)))
    if len(block) == factor.capacity:
        factor.fold(block, block[:, 0])  # the first also allocates, and finds no rows to combine with
        start = clock()
        factor.fold(block, block[:, 0], np.ones(len(block)))
    else:
        factor.fold(block[:-1], block[:-1, 0], np.ones(len(block) - 1))
        start = clock()
        factor.fold(block[-1:], block[-1:, 0])
        assert np.isfinite(factor.residual_sum_of_squares)  # eliminates the rows
    per_row = (clock() - start) / len(block)
    return per_atom, per_row


def parent_bytes(n: int, n_groups: int, rows: Sequence[int], block: int, passes: int = 1) -> int:
    """Factors with either a block of rows and its leaf, or what the solver holds.

    Parameters
    ----------
    n, n_groups
        Columns and groups of configurations.
    rows
        Rows of each kind.
    block
        Bytes of a block of rows made in this process.
    passes
        See `estimate`.
    """
    square = 8 * (n + 1) ** 2
    # Of each group and kind a triangle, or the rows while they are fewer: of full leaves and of the open one.
    full = sum(rows) / n_groups > leaf_rows(n)
    share = 0.5 * leaf_rows(n) / max(sum(rows), 1)
    held = sum(
        min(count / n_groups / n, 1.0) + (min(share * count / n, 1.0) if full else 0.0) for count in rows
    )
    factors = n_groups * square * held
    # While rows are folded, some wait to be eliminated.
    folding = (passes + 0.3) * factors + 2 * block + 4 * square
    solving = passes * factors + (SOLVE_SQUARES + passes * n_groups) * square
    return int(max(folding, solving))


def require_memory(n: int, configurations: Sequence[Configuration], n_groups: int, passes: int = 1) -> None:
    """Refuse a fit whose factors and solver cannot be held, before hours are spent on its rows.

    Parameters
    ----------
    n
        Columns.
    configurations, n_groups, passes
        See `estimate`.

    Raises
    ------
    InputError
        If the arrays of this process alone need more memory than there is.
    """
    by_kind = [sum(number_of_labels(c, kind) for c in configurations) for kind in KINDS]
    needed, machine = parent_bytes(n, n_groups, by_kind, 0, passes), machine_bytes()
    if needed > machine:
        raise InputError(
            f"A fit of {n:,} coefficients needs {needed / 2**30:,.0f} GiB of memory, and this machine has "
            f"{machine / 2**30:,.0f}; take fewer functions (a lower degree or level, a smaller descriptor "
            "for the regressor quadratic)."
        )


def machine_bytes() -> int:
    """Memory of this machine, or what the control group of this process may take of it."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    allowed = limit.read_text().strip() if limit.exists() else "max"
    return min(machine, int(allowed)) if allowed.isdigit() else machine


def worker_bytes(n: int, block: int) -> int:
    """A worker with a block of rows and the factors of a leaf, and their copy on the way back."""
    return WORKER_BYTES + 2 * block + 8 * 8 * (n + 1) ** 2


def resident_bytes() -> int:
    """Memory that this process holds now."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize()
    return peak_bytes()


def peak_bytes() -> int:
    """Largest memory that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
