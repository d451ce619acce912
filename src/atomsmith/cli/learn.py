"""`atomsmith learn`: a potential from a few structures and a reference."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, Overrides, SettingsFile, folder_option
from atomsmith.wording import counted

if TYPE_CHECKING:
    from atomsmith.cli.observer import ScreenObserver
    from atomsmith.learning.loop import Outcome
    from atomsmith.learning.settings import LearnSettings


@reported(interrupted="all labels are stored in the run folder; run the same command again to go on")
def learn(
    settings: SettingsFile,
    run: Annotated[
        Path | None,
        folder_option("runs", "Run folder; a run that stands there goes on."),
    ] = None,
    overrides: Overrides = None,
    json_file: JsonFile = None,
    report: Annotated[
        bool, typer.Option("--report/--no-report", help="Write the HTML report at the end.")
    ] = True,
) -> None:
    """Learn a potential: sample, label what is uncertain, fit, and again.

    The run folder holds every label as soon as it is computed. A run that was
    stopped in any way goes on when the same command is given again. At the end
    the folder holds the potential, the data and a report to open in a browser.

    Example: atomsmith learn learn.yaml -o runs/peg
    """
    from atomsmith.cli.output import console, plain, write_json
    from atomsmith.cli.run_folders import require_own_folder
    from atomsmith.errors import LabelError
    from atomsmith.learning.loop import learn as run_learning
    from atomsmith.learning.settings import LearnSettings
    from atomsmith.settings_file import load_settings

    chosen = load_settings(settings, LearnSettings, overrides or [])
    folder = run if run is not None else Path("runs") / settings.stem
    require_own_folder(folder, "learn")
    try:
        outcome = run_learning(chosen, folder, observer(chosen))
    except LabelError:
        if report:  # what was learned until then, and why the calculations failed
            console().print(f"report: {_report(chosen, folder)}", markup=False)
        raise
    page = _report(chosen, folder) if report else None
    console().print(_summary(outcome, page), markup=False)
    if json_file is not None:
        write_json(json_file, {**plain(outcome), "report": page})


def _report(settings: LearnSettings, folder: Path) -> Path:
    """Write the report of a run; returns its page."""
    from atomsmith.learning.results import write_run_report

    return write_run_report(folder, n_threads=settings.threads).page


def _summary(outcome: Outcome, page: Path | None) -> str:
    """What was done, and where everything is."""
    failed = outcome.counts["failed"]
    lines = [
        f"{counted(outcome.rounds, 'round')}, {counted(outcome.counts['labelled'], 'configuration')} labelled"
        + (f", {failed} failed" if failed else ""),
        f"potential  {outcome.potential}",
        f"data       {outcome.dataset}",
    ]
    return "\n".join(lines if page is None else [*lines, f"report     {page}"])


def observer(settings: LearnSettings) -> ScreenObserver:
    """Make the progress display of a run."""
    from atomsmith.cli.observer import ScreenObserver

    trigger = settings.sampling.trigger
    return ScreenObserver(
        tolerance=trigger.tolerance if trigger is not None else None,
        labels_wanted=settings.stop.labels,
        timestep_fs=settings.sampling.timestep_fs,
        workers=settings.executor.workers,
    )
