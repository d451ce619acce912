"""`atomsmith import` and `atomsmith export`: potentials of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atomsmith.cli.failures import reported


@reported()
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES...",
            help="The potential's files, its main one first: .ace or .yace (PACE), .snapcoeff and .snapparam "
            "(SNAP), .mtp (MLIP).",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the potential.")] = Path(
        "potential.json"
    ),
    elements: Annotated[
        list[str] | None,
        typer.Option(
            "--elements", help="Chemical symbol of species 0, 1, ... (.mtp); give it once for each."
        ),
    ] = None,
) -> None:
    """Convert a potential of another program.

    The result predicts what that program predicts, and works wherever a
    fitted potential does.

    Example: atomsmith import fitted.mtp --elements Si -o potential.json
    """
    from atomsmith.cli.output import console, require_writable
    from atomsmith.exchange.formats import read_foreign

    require_writable({"--output": output}, files)
    potential = read_foreign(files[0], files[1:], elements or None)
    potential.save(output)
    console().print(f"{potential!r} written to {output}", markup=False)


@reported()
def export(
    potential: Annotated[
        Path, typer.Argument(metavar="POTENTIAL", help="The potential to write.", show_default=False)
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Where to; the suffix tells the format: .snapcoeff (SNAP) or .mtp (MLIP).",
            show_default=False,
        ),
    ],
) -> None:
    """Write a potential in the format of another program.

    What that format cannot hold is refused with the reason.

    Example: atomsmith export potential.json -o silicon.snapcoeff
    """
    from atomsmith import Potential
    from atomsmith.cli.output import console, require_writable
    from atomsmith.exchange.formats import write_foreign

    require_writable({"--output": output}, [potential])
    write_foreign(Potential.load(potential), output)
    console().print(f"written to {output}", markup=False)
