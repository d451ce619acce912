"""`atomsmith report`: the HTML report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, Threads
from atomsmith.errors import InputError

DATA_FILE = "report.json"
NUMBERS_FILE = "assessment.json"


@reported()
def report(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN",
            help="Folder that `atomsmith learn`, `tune` or `assess` works in, or a report.json.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FOLDER", help="Where to write.", show_default="the run's folder"
        ),
    ] = None,
    json_file: JsonFile = None,
    threads: Threads = 1,
) -> None:
    """Write the HTML report of a run from what the run recorded.

    Works at any time: while the run goes on, when it was stopped, and when it
    has ended; the run itself is only read. The report is one file that needs
    no network; its figures also stand beside it as PNG.

    Example: atomsmith report runs/peg
    """
    from atomsmith.cli.output import require_writable, write_text
    from atomsmith.cli.run_folders import verb_of

    folder = output if output is not None else run if run.is_dir() else run.parent
    require_writable({"--json": json_file}, [run], {"--output": folder})
    verb = verb_of(run)
    if verb == "learn":
        page, numbers = _learned(run, folder, threads)
    elif verb == "tune":
        page, numbers = _tuned(run, folder)
    elif verb == "assess" or (run / NUMBERS_FILE).is_file():
        page, numbers = _assessed(run, folder)
    else:
        page, numbers = _written_before(run / DATA_FILE if run.is_dir() else run, folder)
    typer.echo(f"wrote {page}")
    if json_file is not None:
        write_text(json_file, numbers)


def _learned(run: Path, folder: Path, threads: int) -> tuple[Path, str]:
    """Report what a run of `atomsmith learn` has stored; returns the page and its numbers as JSON."""
    from atomsmith.learning.results import report_of_run
    from atomsmith.report import save_report_data, write_report
    from atomsmith.report.storage import to_json

    data = report_of_run(run, n_threads=threads)
    page = write_report(data, folder)
    save_report_data(data, folder / DATA_FILE)
    return page, to_json(data)


def _tuned(run: Path, folder: Path) -> tuple[Path, str]:
    """Report the trials of `atomsmith tune` that have ended."""
    from atomsmith.report.tuning import write_tuning
    from atomsmith.tuning.results import numbers_text
    from atomsmith.tuning.search import stored_search

    settings, found = stored_search(run)
    return write_tuning(settings, found, folder), numbers_text(settings, found)


def _assessed(run: Path, folder: Path) -> tuple[Path, str]:
    """Report the results of `atomsmith assess` that are there, by the settings of its last report."""
    import json

    from atomsmith.assessment.run import assess
    from atomsmith.assessment.settings import AssessSettings
    from atomsmith.cli.assess import Screen
    from atomsmith.report.assessment import write_assessment
    from atomsmith.settings_file import settings_from_values

    source = run / NUMBERS_FILE
    if not source.is_file():
        raise InputError(
            f"{run}: this assessment has not written its settings yet; give `atomsmith assess SETTINGS.yaml "
            f"-o {run} --no-compute`, which reports what is there."
        )
    try:
        values = json.loads(source.read_text(encoding="utf-8"))["settings"]
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"{source}: does not hold the settings of an assessment; give its `atomsmith assess` command "
            "again with --no-compute."
        ) from None
    settings = settings_from_values(AssessSettings, values, str(source))
    with Screen() as screen:
        found = assess(settings, run, screen, compute=False)
    written = write_assessment(found, folder)
    return written.page, json.dumps(written.numbers, indent=1, allow_nan=False) + "\n"


def _written_before(source: Path, folder: Path) -> tuple[Path, str]:
    """Write the page of a report.json again."""
    from atomsmith.report import load_report_data, save_report_data, write_report
    from atomsmith.report.storage import to_json

    if not source.is_file():
        raise InputError(
            f"{source.parent if source.name == DATA_FILE else source} holds no run: give the folder of an "
            f"`atomsmith learn`, `tune` or `assess` run, or a {DATA_FILE}."
        )
    if source.suffix != ".json":
        raise InputError(f"{source}: is no {DATA_FILE}; give the folder it stands in.")
    data = load_report_data(source)
    page = write_report(data, folder)
    if folder.resolve() != source.parent.resolve():
        save_report_data(data, folder / DATA_FILE)
    return page, to_json(data)
