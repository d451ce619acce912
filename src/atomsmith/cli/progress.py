"""Live progress of long work: one line that moves in a terminal, a plain line now and then elsewhere.

Each class is a context manager that takes plain values; nothing here knows what is being computed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

PLAIN_INTERVAL_S = 10.0
"""Seconds between two plain lines where the output is no terminal."""

Clock = Callable[[], float]


class LiveLine:
    """A bar with a line of text in a terminal; outside one, a plain line every few seconds.

    Parameters
    ----------
    name
        What is being done, at the head of the line.
    total
        Units of work in all, or None when nobody knows.
    console
        Where to draw; standard error by default, so that results can be piped.
    clock
        Seconds that only grow; for tests.
    """

    def __init__(
        self,
        name: str,
        total: int | None = None,
        *,
        console: Console | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        from rich.console import Console

        self.name = name
        self.total = total
        self.completed = 0
        self._console = console or Console(stderr=True, highlight=False)
        self._clock = clock
        self._start = clock()
        self._last_line = self._start
        self._text = ""
        self._shown = ""
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        self._start = self._last_line = self._clock()
        if self._console.is_terminal:
            self._bar = _bar(self._console)
            self._bar.add_task(self.name, total=self.total, text="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        elif self._text and self._text != self._shown:
            self._print()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the work began."""
        return self._clock() - self._start

    def show(self, completed: int, text: str) -> None:
        """Show how many units are done, and a text."""
        self.completed, self._text = completed, text
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=completed, text=text)
        elif self._clock() - self._last_line >= PLAIN_INTERVAL_S:
            self._print()

    def _count(self, name: str, total: int) -> None:
        """Go on with other work, or with more of it than was thought."""
        if name != self.name and self._text:  # other work was done before
            self._start = self._clock()
        self.name = name
        self.total = total
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description=name, total=total)

    def message(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _print(self) -> None:
        done = f"{self.completed}/{self.total}" if self.total is not None else str(self.completed)
        line = ", ".join(filter(None, (f"{self.name} {done}", self._text, duration(self.elapsed_s))))
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)
        self._last_line, self._shown = self._clock(), self._text


class SamplingProgress(LiveLine):
    """Progress of biased sampling, counted in labels.

    Parameters
    ----------
    tolerance
        The relative force uncertainty that triggers a label; None where nothing triggers.
    labels_wanted
        Labels after which the run ends; None where it ends for another reason.
    seconds_per_label
        Pace of the run so far, all its parts together, for the time left.
    """

    def __init__(
        self,
        tolerance: float | None,
        labels_wanted: int | None = None,
        seconds_per_label: float | None = None,
        *,
        console: Console | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__("sampling", labels_wanted, console=console, clock=clock)
        self.tolerance = tolerance
        self.seconds_per_label = seconds_per_label

    def update(
        self,
        *,
        round_number: int,
        step: int,
        temperature_k: float,
        labels: int,
        largest_f: float | None = None,
        time_fs: float | None = None,
        sigma_ev: float | None = None,
        walkers: int | None = None,
    ) -> None:
        """Show where the walkers are.

        Parameters
        ----------
        round_number, step
            Round of the loop, and step of the walkers in it.
        temperature_k
            Mean kinetic temperature.
        labels
            Labels so far.
        largest_f
            Largest relative force uncertainty over atoms and walkers.
        time_fs
            Simulated time of the walkers in this round.
        sigma_ev
            Largest standard deviation of the energy, in eV.
        walkers
            Walkers still running.
        """
        simulated = f" ({_simulated(time_fs)})" if time_fs is not None else ""
        parts = [f"round {round_number}", f"step {step}{simulated}"]
        if not math.isnan(temperature_k):  # nan once every walker has stopped
            parts.append(f"{temperature_k:.0f} K")
        if sigma_ev is not None:
            parts.append(f"sigma {sigma_ev:.3g} eV")
        if largest_f is not None and not math.isnan(largest_f):
            limit = f"/{self.tolerance:.2f}" if self.tolerance is not None else ""
            parts.append(f"largest f {largest_f:.2f}{limit}")
        if walkers is not None:
            parts.append(f"{walkers} walker{'' if walkers == 1 else 's'}")
        parts.append(f"{labels} label{'' if labels == 1 else 's'}")
        if self.total is not None and self.seconds_per_label is not None and labels < self.total:
            parts.append(f"{duration((self.total - labels) * self.seconds_per_label)} left")
        self.show(labels, ", ".join(parts))


class LabellingProgress(LiveLine):
    """Progress of reference calculations: done and failed, seconds a label, time left.

    Parameters
    ----------
    total
        Configurations to label.
    workers
        Calculations that run at the same time.
    """

    def __init__(
        self,
        total: int,
        workers: int = 1,
        *,
        console: Console | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__("labelling", total, console=console, clock=clock)
        self.workers = max(1, workers)
        self.failures = 0
        self._seconds = 0.0

    def done(self, seconds: float, failed: bool = False) -> None:
        """Count one calculation that took ``seconds``."""
        assert self.total is not None
        self.failures += failed
        self._seconds += seconds
        completed = self.completed + 1
        mean = self._seconds / completed
        parts = [f"{self.failures} failed"] if self.failures else []
        parts.append(f"{mean:.3g} s each")
        if (left := self.total - completed) > 0:
            parts.append(f"{duration(math.ceil(left / self.workers) * mean)} left")
        self.show(completed, ", ".join(parts))


class FittingProgress(LiveLine):
    """Progress of a fit, counted in what its rows are made of: configurations or blocks.

    Terms that are not linear are trained before, counted in epochs.

    Parameters
    ----------
    total
        Configurations (or blocks) in all.
    """

    def __init__(self, total: int, *, console: Console | None = None, clock: Clock = time.monotonic) -> None:
        super().__init__("fitting", total, console=console, clock=clock)
        self._rows, self._pass, self._after = total, self.name, "solving"

    def begin(self, name: str, counted: bool) -> None:
        """Show what begins; what goes through the data is ``counted`` by `update`."""
        if not counted:
            self.show(self.completed, name)
            return
        self._pass, self._after = name, ""
        self._count(name, self._rows)
        self.show(0, "")

    def train(self, done: int, total: int, text: str) -> None:
        """Show how many epochs of how many at most are done, and a text with the errors."""
        self._count("training", total)
        left = _left(self.elapsed_s, done, total - done)
        self.show(done, f"{text}, at most {left}" if left else text)

    def update(self, done: int) -> None:
        """Show how many are done; after the last one the solver works, unless `begin` says what does."""
        self._count(self._pass, self._rows)
        assert self.total is not None
        left = self.total - done
        self.show(done, _left(self.elapsed_s, done, left) if left > 0 else self._after)


def duration(seconds: float) -> str:
    """Write a duration as people do: ``8 s``, ``3 min 20 s``, ``2 h 05 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _left(elapsed_s: float, done: int, left: int) -> str:
    """Time left at the mean pace so far; empty while there is no pace or nothing left."""
    if done <= 0 or left <= 0:
        return ""
    return f"{duration(elapsed_s / done * left)} left"


def _simulated(time_fs: float) -> str:
    return f"{time_fs:.0f} fs" if time_fs < 1000.0 else f"{time_fs / 1000.0:.2f} ps"


def _bar(console: Console) -> Progress:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    return Progress(
        TextColumn("[bold]{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
