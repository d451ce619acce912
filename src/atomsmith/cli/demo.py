"""`atomsmith demo`: a potential for poly(ethylene glycol), learned, tested and run within minutes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from atomsmith.sampling import Progress

_DYNAMICS_PS = 5.0


@reported(interrupted="what is done is stored; run the same command again to go on")
def demo(
    folder: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where everything is written.")
    ] = Path("demo"),
    json_file: JsonFile = None,
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Of the starts and of learning; the test set is the same.")
    ] = 0,
) -> None:
    """Learn a small potential from scratch, in about two minutes.

    From twelve structures of poly(ethylene glycol), H-(OCH2CH2)n-OH with n = 2
    to 4, hyperactive learning with the embedded GFN2-xTB makes a training set
    and a linear ACE potential. It is then tested on independent chains of n = 6
    and runs molecular dynamics of such chains.

    Example: atomsmith demo -o demo
    """
    import os
    import time

    from atomsmith import Dataset, Potential
    from atomsmith.cli.learn import observer
    from atomsmith.cli.output import console, write_json
    from atomsmith.data.store import Store
    from atomsmith.demo import peg
    from atomsmith.learning.loop import learn
    from atomsmith.learning.results import write_run_report
    from atomsmith.learning.settings import LearnSettings
    from atomsmith.settings_file import load_settings

    began = time.perf_counter()
    workers = min(2, os.cpu_count() or 1)
    settings = load_settings(peg.prepare(folder, seed), LearnSettings)
    with _progress("test set, GFN2-xTB", peg.n_test_steps()) as show:
        test = peg.independent_test_set(folder, settings.reference, workers, show)
    outcome = learn(settings, folder / peg.RUN_FOLDER, observer(settings))
    page = write_run_report(folder / peg.RUN_FOLDER, n_threads=settings.threads).page
    learned = Potential.load(outcome.potential)
    with Store.open(folder / peg.RUN_FOLDER) as store:
        isolated = store.get("isolated_atoms")
    before = peg.fitted_to_starts(Dataset.read(outcome.dataset), settings.potential, isolated)
    dynamics = []
    for name, potential in (("starts only", before), ("learned", learned)):
        with _progress(f"molecular dynamics, {name}", round(2000 * _DYNAMICS_PS)) as show:
            dynamics.append(peg.dynamics(potential, _DYNAMICS_PS, settings.threads, show))
    numbers: dict[str, Any] = {
        "functions": learned.n_functions,
        "labels": outcome.counts["labelled"],
        "rounds": outcome.rounds,
        "starts_only": {"errors": peg.errors_on(test, before), "dynamics": dynamics[0]},
        "learned": {"errors": peg.errors_on(test, learned), "dynamics": dynamics[1]},
        "seconds": time.perf_counter() - began,
        "potential": outcome.potential,
        "data": outcome.dataset,
        "report": page,
    }
    console().print(_summary(numbers), markup=False)
    if json_file is not None:
        write_json(json_file, numbers)


def _summary(numbers: dict[str, Any]) -> str:
    """What the demonstration ends with."""
    columns = [numbers["starts_only"], numbers["learned"]]
    n_test, run = columns[1]["errors"].n_configurations, columns[1]["dynamics"]
    rows = [
        ("", ["12 starts only", "learned"]),
        ("forces, RMSE, eV/Å", [f"{c['errors'].forces.rmse:.3f}" for c in columns]),
        ("energy, RMSE, meV/atom", [f"{c['errors'].energy.rmse:.2f}" for c in columns]),
        (
            f"chains intact after {run.time_ps:g} ps",
            [f"{c['dynamics'].intact} of {c['dynamics'].chains}" for c in columns],
        ),
    ]
    return "\n".join(
        [
            "",
            f"A linear ACE potential of {numbers['functions']} functions for poly(ethylene glycol), learned",
            f"in {numbers['rounds']} rounds from {numbers['labels']} labels by GFN2-xTB. Judged at n = 6 and "
            f"{run.temperature_k:.0f} K, by {n_test} configurations",
            "of GFN2-xTB dynamics and by dynamics of its own:",
            "",
            *(f"{name:28s}{first:>16s}{second:>16s}" for name, (first, second) in rows),
            "",
            f"potential: {numbers['potential']}",
            f"data:      {numbers['data']}",
            f"report:    {numbers['report']}",
            f"{numbers['seconds']:.0f} s in all",
        ]
    )


@contextmanager
def _progress(name: str, steps: int) -> Iterator[Callable[[Progress], None]]:
    """Draw the steps of molecular dynamics."""
    from atomsmith.cli.progress import LiveLine

    def state(progress: Progress) -> str:
        if progress.n_active == 0:  # no temperature any more
            return "all chains ended"
        return f"{progress.n_active} chains, {progress.temperature_k:.0f} K"

    with LiveLine(name, steps) as line:
        yield lambda progress: line.show(progress.step, state(progress))
