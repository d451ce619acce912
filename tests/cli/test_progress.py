"""Progress displays: plain lines where there is no terminal, a live bar where there is one."""

import io

import pytest
from rich.console import Console

from atomsmith.cli.progress import FittingProgress, LabellingProgress, SamplingProgress, duration


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def plain(screen) -> Console:
    return Console(file=screen, force_terminal=False, width=60)


def test_labelling_prints_a_line_every_ten_seconds_and_at_the_end(clock, screen, plain):
    with LabellingProgress(20, workers=2, console=plain, clock=clock) as progress:
        for number in range(6):
            clock.now += 4.0
            progress.done(8.0, failed=number == 0)
    assert screen.getvalue().splitlines() == [
        # 12 s after the start, then 12 s later: 14 left, two at a time, 8 s each
        "labelling 3/20, 1 failed, 8 s each, 1 min 12 s left, 12 s",
        "labelling 6/20, 1 failed, 8 s each, 56 s left, 24 s",
    ]


def test_the_last_state_is_printed_even_when_work_is_quick(clock, screen, plain):
    with LabellingProgress(1, console=plain, clock=clock) as progress:
        clock.now += 0.5
        progress.done(0.5)
    assert screen.getvalue() == "labelling 1/1, 0.5 s each, 0 s\n"


def test_a_fit_counts_epochs_and_then_configurations(clock, screen, plain):
    with FittingProgress(40, console=plain, clock=clock) as progress:
        clock.now += 12.0
        progress.train(3, 30, "network 1 of 1, 2.1 meV/atom")
        clock.now += 12.0
        progress.update(20)
    assert screen.getvalue().splitlines() == [
        "training 3/30, network 1 of 1, 2.1 meV/atom, at most 1 min 48 s left, 12 s",
        "fitting 20/40, 0 s left, 0 s",
    ]


def test_sampling_names_what_a_user_watches(clock, screen, plain):
    with SamplingProgress(0.3, 30, 12.0, console=plain, clock=clock) as progress:
        clock.now += 60.0
        progress.update(
            round_number=4,
            step=1200,
            time_fs=1200.0,
            temperature_k=512.4,
            largest_f=0.118,
            labels=15,
            sigma_ev=0.0123,
            walkers=8,
        )
    assert screen.getvalue() == (
        "sampling 15/30, round 4, step 1200 (1.20 ps), 512 K, sigma 0.0123 eV, largest f 0.12/0.30, "
        "8 walkers, 15 labels, 3 min 00 s left, 1 min 00 s\n"  # 15 labels to go at 12 s each
    )


def test_fitting_says_when_the_solver_works(clock, screen, plain):
    with FittingProgress(50, console=plain, clock=clock) as progress:
        clock.now += 20.0
        progress.update(25)
        clock.now += 1.0
        progress.update(50)
    assert screen.getvalue().splitlines() == [
        "fitting 25/50, 20 s left, 20 s",
        "fitting 50/50, solving, 21 s",
    ]


def test_a_robust_fit_says_which_pass_it_is_in(clock, screen, plain):
    with FittingProgress(50, console=plain, clock=clock) as progress:
        for name, counted in (
            ("estimating", False), ("fitting", True), ("solving", False),
            ("residuals", True), ("fitting again", True), ("solving", False),
        ):  # fmt: skip
            progress.begin(name, counted)
            clock.now += 12.0
            progress.update(10) if counted else progress.begin(name, counted)
    assert screen.getvalue().splitlines() == [
        "fitting 0/50, estimating, 12 s",
        "fitting 10/50, 1 min 36 s left, 24 s",
        "fitting 10/50, solving, 36 s",
        "residuals 10/50, 48 s left, 12 s",
        "fitting again 10/50, 48 s left, 12 s",
        "fitting again 10/50, solving, 24 s",
    ]


def test_a_terminal_gets_a_live_line(clock, screen):
    terminal = Console(file=screen, force_terminal=True, width=120)
    with FittingProgress(4, console=terminal, clock=clock) as progress:
        progress.update(4)
    shown = screen.getvalue()
    assert "\x1b[" in shown
    assert "fitting" in shown
    assert "4/4" in shown


def test_an_error_passes_through_and_leaves_the_last_state(clock, screen, plain):
    def work() -> None:
        with FittingProgress(4, console=plain, clock=clock) as progress:
            progress.update(1)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        work()
    assert screen.getvalue().startswith("fitting 1/4")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0 s"), (59.4, "59 s"), (60.0, "1 min 00 s"), (200.0, "3 min 20 s"), (7500.0, "2 h 05 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
