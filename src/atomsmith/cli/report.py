"""`atomsmith report`: the HTML report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, Threads
from atomsmith.errors import InputError

DATA_FILE = "report.json"


@reported()
def report(
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="Folder of a run, or the report.json in it.", show_default=False),
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
    from atomsmith.cli.output import write_text
    from atomsmith.data.database import STORE_NAME
    from atomsmith.learning.results import report_of_run
    from atomsmith.report import load_report_data, save_report_data, write_report
    from atomsmith.report.storage import to_json

    is_run = (run / STORE_NAME).is_file()
    source = run / DATA_FILE if run.is_dir() else run
    if not is_run and not source.is_file():
        raise InputError(f"{run} holds no run: give the folder of an `atomsmith learn` run or a {DATA_FILE}.")
    data = report_of_run(run, n_threads=threads) if is_run else load_report_data(source)
    folder = output if output is not None else source.parent
    page = write_report(data, folder)
    if is_run or output is not None:
        save_report_data(data, folder / DATA_FILE)
    typer.echo(f"wrote {page}")
    if json_file is not None:
        write_text(json_file, to_json(data))
