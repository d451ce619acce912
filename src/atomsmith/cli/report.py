"""`atomsmith report`: the HTML report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile
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
) -> None:
    """Write the HTML report of a run again from what the run recorded.

    The report is one file that needs no network; its figures also stand
    beside it as PNG.

    Example: atomsmith report runs/peg
    """
    from atomsmith.cli.output import write_text
    from atomsmith.report import load_report_data, write_report
    from atomsmith.report.storage import to_json

    source = run / DATA_FILE if run.is_dir() else run
    if not source.exists():
        raise InputError(
            f"{source}: no such file; give the folder of an `atomsmith learn` run or its {DATA_FILE}."
        )
    data = load_report_data(source)
    page = write_report(data, output if output is not None else source.parent)
    typer.echo(f"wrote {page}")
    if json_file is not None:
        write_text(json_file, to_json(data))
