"""`atomsmith assess`: accuracy, data, cost and properties of any set of potentials, in one report."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, Overrides, SettingsFile, folder_option

if TYPE_CHECKING:
    from atomsmith.assessment.store import Item, Task
    from atomsmith.properties.base import Report


@reported(interrupted="what was computed is stored; run the same command again to go on")
def assess(
    settings: SettingsFile,
    output: Annotated[
        Path | None,
        folder_option(
            "assessments", "Folder of the results; what stands there already is not computed again."
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="SYSTEM",
            help="Compute for this system only, and take from the folder what it has of the others; may be "
            "given several times.",
            show_default=False,
        ),
    ] = None,
    compute: Annotated[
        bool,
        typer.Option(
            "--compute/--no-compute", help="--no-compute writes the report of what is there already."
        ),
    ] = True,
    overrides: Overrides = None,
    json_file: JsonFile = None,
) -> None:
    """Assess potentials: errors, cost, properties, dynamics.

    Compares any set of potentials (fitted here, imported, LAMMPS, any ASE
    calculator) on the same data and crystals, and writes one report with its
    numbers as CSV and JSON. Every result is stored as soon as it is there: a
    run that was stopped goes on when the same command is given again.

    Example: atomsmith assess assess.yaml -o assessments/Ni
    """
    from atomsmith.assessment.run import assess as run_assessment
    from atomsmith.assessment.settings import AssessSettings
    from atomsmith.cli.output import console, require_writable, write_json
    from atomsmith.cli.run_folders import require_own_folder
    from atomsmith.report.assessment import write_assessment
    from atomsmith.settings_file import load_settings

    chosen = load_settings(settings, AssessSettings, overrides or [])
    folder = output if output is not None else Path("assessments") / settings.stem
    require_own_folder(folder, "assess")
    require_writable({"--json": json_file}, [settings], {"--output": folder})
    with Screen() as screen:
        found = run_assessment(chosen, folder, screen, only or [], compute=compute)
    written = write_assessment(found, folder)
    for statement in written.statements:
        console().print(f"! {statement}", markup=False)
    if json_file is not None:
        write_json(json_file, written.numbers)
    console().print(f"report     {written.page}", markup=False)


class Screen:
    """A progress line over all tasks: which one, of which potential, how long yet."""

    def __init__(self) -> None:
        self._line: Any = None
        self._left = self._done = 0
        self._began = time.monotonic()

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._line is not None:
            self._line.__exit__(*error)

    def planned(self, tasks: int, known: int) -> None:
        """Begin the line."""
        from atomsmith.cli.progress import LiveLine

        self._line = LiveLine("assess", tasks).__enter__()
        if known:
            self._line.message(f"{known} of {tasks} results are stored already")
        self._known, self._left = known, tasks - known
        self._began = time.monotonic()

    def begins(self, task: Task) -> Report:
        """Show a task."""
        from atomsmith.cli.progress import duration

        spent, ahead = time.monotonic() - self._began, ""
        if self._done:
            ahead = f", {duration(spent / self._done * (self._left - self._done))} left"
        self._show(f"{task.name}{ahead}")

        def report(done: int, total: int | None, text: str) -> None:
            part = "" if total is None else f" {done}/{total}"
            self._show(f"{task.name}, {text}{part}{ahead}")

        return report

    def ended(self, item: Item) -> None:
        """Count a task; say at once why it gave nothing."""
        self._done += 1
        if item.failure is not None:
            what = " ".join(part for part in (item.part, item.detail, "of", item.potential) if part)
            self._line.message(f"{item.system}: {what.removesuffix(' of')}: {item.failure}")

    def _show(self, text: str) -> None:
        self._line.show(self._known + self._done, text)
