"""Draws what the learning loop tells: progress of fits, walkers and labels, and lines that stay."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from atomsmith.cli.progress import Clock, FittingProgress, LabellingProgress, SamplingProgress

if TYPE_CHECKING:
    from rich.console import Console

    from atomsmith.sampling.sampler import Progress


class ScreenObserver:
    """An `atomsmith.learning.observer.Observer` that draws on the screen.

    Parameters
    ----------
    tolerance
        Relative force uncertainty that triggers a label, or None.
    labels_wanted
        Labels after which the run ends, or None.
    timestep_fs
        Time step of the walkers.
    workers
        Reference calculations that run at the same time.
    """

    def __init__(
        self,
        tolerance: float | None,
        labels_wanted: int | None,
        timestep_fs: float,
        workers: int = 1,
        *,
        console: Console | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        from rich.console import Console

        self.tolerance = tolerance
        self.labels_wanted = labels_wanted
        self.timestep_fs = timestep_fs
        self.workers = workers
        self._console = console or Console(stderr=True, highlight=False)
        self._clock = clock
        self._first: tuple[float, int] | None = None

    def message(self, text: str) -> None:
        """Print one line that stays."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def fitting(self, total: int) -> Iterator[Callable[[int], None]]:
        """Draw the rows of a fit."""
        with FittingProgress(total, console=self._console, clock=self._clock) as progress:
            yield progress.update

    @contextmanager
    def sampling(self, round_number: int, labels: int) -> Iterator[Callable[[Progress], None]]:
        """Draw the walkers of a round."""
        pace = self._seconds_per_label(labels)
        display = SamplingProgress(
            self.tolerance, self.labels_wanted, pace, console=self._console, clock=self._clock
        )

        def update(progress: Progress) -> None:
            display.update(
                round_number=round_number,
                step=progress.step,
                temperature_k=progress.temperature_k,
                labels=labels,
                largest_f=progress.uncertainty,
                time_fs=progress.step * self.timestep_fs,
                walkers=progress.n_active,
            )

        with display:
            yield update

    @contextmanager
    def labelling(self, total: int) -> Iterator[Callable[[float, bool], None]]:
        """Draw reference calculations."""
        with LabellingProgress(total, self.workers, console=self._console, clock=self._clock) as progress:
            yield progress.done

    def _seconds_per_label(self, labels: int) -> float | None:
        """Pace since the first round that this process saw; None before it has brought a label."""
        if self._first is None:
            self._first = (self._clock(), labels)
        since, before = self._first
        return (self._clock() - since) / (labels - before) if labels > before else None
