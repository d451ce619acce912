"""`atomsmith import` and `atomsmith export`: potentials of other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from atomsmith.cli.failures import reported

UnitOfLength = Annotated[
    float | None,
    typer.Option(
        "--cflength",
        help="Unit of length of input.nn per angstrom, as for pair_style hdnnp; by default bohr.",
        show_default=False,
    ),
]
UnitOfEnergy = Annotated[
    float | None,
    typer.Option("--cfenergy", help="Its unit of energy per eV; by default hartree.", show_default=False),
]


@reported()
def import_(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILES...",
            help="The potential's files, its main one first: .ace, .yace or .yaml (PACE) and a pair table of "
            "LAMMPS that may belong to it, .snapcoeff and .snapparam (SNAP), .snap, .mod or .mliap (input "
            "of LAMMPS with SNAP and a repulsion), .mtp or .almtp (MLIP), gap.xml "
            "(QUIP), input.nn with scaling.data and weights.*.data (n2p2); files that are not named are "
            "looked for beside the main one.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write the potential.")] = Path(
        "potential.json"
    ),
    elements: Annotated[
        list[str] | None,
        typer.Option(
            "--elements",
            help="Chemical symbol of species 0, 1, ... (.mtp, .almtp, a gap.xml that names none); give it "
            "once for each.",
        ),
    ] = None,
    cflength: UnitOfLength = None,
    cfenergy: UnitOfEnergy = None,
) -> None:
    """Convert a potential of another program.

    The result predicts what that program predicts, and works wherever a
    fitted potential does.

    Example: atomsmith import fitted.mtp --elements Si -o potential.json
    """
    from atomsmith.cli.output import console, require_writable
    from atomsmith.exchange.formats import read_foreign

    require_writable({"--output": output}, files)
    potential = read_foreign(files[0], files[1:], elements or None, _units(cflength, cfenergy))
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
            help="Where to; the suffix tells the format: .snapcoeff (SNAP), .mtp (MLIP), .nn (n2p2) or "
            ".yace (PACE).",
            show_default=False,
        ),
    ],
    cflength: UnitOfLength = None,
    cfenergy: UnitOfEnergy = None,
) -> None:
    """Write a potential in the format of another program.

    What that format cannot hold is refused with the reason.

    Example: atomsmith export potential.json -o silicon.snapcoeff
    """
    from atomsmith import Potential
    from atomsmith.cli.output import console, require_writable
    from atomsmith.data.files import new_folder
    from atomsmith.exchange.formats import write_foreign

    require_writable({"--output": output}, [potential])
    loaded = Potential.load(potential)
    with new_folder(output.parent):
        lines = write_foreign(loaded, output, _units(cflength, cfenergy))
    console().print(f"written to {output}", markup=False)
    if lines is not None:
        console().print(f"in LAMMPS:\n{lines}", markup=False, soft_wrap=True)


def _units(cflength: float | None, cfenergy: float | None) -> dict[str, float]:
    """Those that are given, by name."""
    given = {"cflength": cflength, "cfenergy": cfenergy}
    return {key: value for key, value in given.items() if value is not None}
