"""Options that several verbs share, so that the same thing has the same name everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

SettingsFile = Annotated[
    Path, typer.Argument(metavar="SETTINGS.yaml", help="Settings file.", show_default=False)
]

Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override one setting, as --set solver.kind=ridge; may be given several times.",
        show_default=False,
    ),
]

JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write the numbers to this JSON file.", show_default=False),
]


def folder_option(parent: str, help_text: str) -> Any:
    """`--output` of a verb that works in a folder; by default one named after the settings file."""
    return typer.Option(
        "--output",
        "-o",
        metavar="FOLDER",
        help=help_text,
        show_default=f"{parent}/ and the name of the settings file",
    )


LabelOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--label",
        metavar="LABEL=NAME",
        help="Name of a label in the files where it is not a usual one, as --label energy=dft_energy.",
        show_default=False,
    ),
]

Threads = Annotated[int, typer.Option("--threads", min=1, help="Threads of the engine.")]
