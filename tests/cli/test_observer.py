"""The display of a learning run, driven as the loop drives it."""

import io

from rich.console import Console

from atomsmith.cli.observer import ScreenObserver
from atomsmith.learning.observer import Observer
from atomsmith.sampling.sampler import Progress
from cli.test_progress import Clock


def test_a_run_is_drawn_in_plain_lines():
    screen, clock = io.StringIO(), Clock()
    console = Console(file=screen, force_terminal=False)
    observer: Observer = ScreenObserver(0.3, 20, 0.5, workers=2, console=console, clock=clock)

    observer.message("12 structures to begin with [bold]")
    with observer.labelling(2) as done:
        for failed in (False, True):
            clock.now += 3.0
            done(5.0, failed)
    with observer.fitting(10) as fitted:
        fitted(10)
    for round_number, labels in ((1, 12), (2, 14)):
        with observer.sampling(round_number, labels) as moved:
            clock.now += 30.0
            moved(Progress(200, 1000, 8, 5, 501.0, 0.15, 30.0))
    assert screen.getvalue().splitlines() == [
        "12 structures to begin with [bold]",
        "labelling 2/2, 1 failed, 5 s each, 6 s",
        "fitting 10/10, solving, 0 s",
        "sampling 12/20, round 1, step 200 (100 fs), 501 K, largest f 0.15/0.30, 5 walkers, 12 labels, 30 s",
        # two labels in the 30 s since the first round: 6 more take 90 s
        "sampling 14/20, round 2, step 200 (100 fs), 501 K, largest f 0.15/0.30, 5 walkers, 14 labels, "
        "1 min 30 s left, 30 s",
    ]
