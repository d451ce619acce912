"""Input lines for LAMMPS, and runs with the plugin."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from atomsmith.elements import SYMBOLS
from atomsmith.errors import AtomsmithError, InputError
from atomsmith.lammps.build import Plugin
from atomsmith.potential import Potential


class LammpsError(AtomsmithError):
    """LAMMPS stopped with an error; the message is its own, with the place of the log."""


def elements_of(potential: Potential, wanted: Sequence[str] | None = None) -> list[str]:
    """Elements of LAMMPS's atom types: those wanted (NULL: none), else all in the order of the file.

    Raises
    ------
    InputError
        If the potential does not know one of them.
    """
    known = [SYMBOLS[z] for z in potential.elements]
    for symbol in wanted or ():
        if symbol not in known and symbol != "NULL":
            raise InputError(
                f"--elements: {symbol!r} is not an element of the potential, which knows {' '.join(known)}."
            )
    return list(wanted) if wanted else known


def input_lines(plugin: Plugin, potential: Path, elements: Sequence[str], *, load: bool = True) -> list[str]:
    """Lines of a LAMMPS input that switch the potential on."""
    return [
        *(load_lines(plugin) if load else []),
        "pair_style atomsmith",
        f"pair_coeff * * {_quoted(potential.resolve())} {' '.join(elements)}",
    ]


def load_lines(plugin: Plugin) -> list[str]:
    """The line that loads the plugin; none where its styles are built in."""
    return [f"plugin load {_quoted(plugin.library)}"] if plugin.library else []


def environment(plugin: Plugin) -> dict[str, str]:
    """Environment in which LAMMPS finds its libraries, and loads the plugin when it starts."""
    variables = plugin.installation.environment()
    if plugin.library:
        folders = [str(plugin.folder), os.environ.get("LAMMPS_PLUGIN_PATH", "")]
        variables["LAMMPS_PLUGIN_PATH"] = ":".join(filter(None, folders))
    return variables


def run(
    plugin: Plugin,
    script: Path,
    potential: Path,
    elements: Sequence[str],
    *,
    ranks: int = 1,
    arguments: Sequence[str] = (),
) -> None:
    """Run a LAMMPS input; ``include ${atomsmith}`` in it stands for the potential's lines.

    Raises
    ------
    InputError
        If the input is missing, or several ranks are wanted where there is no mpiexec.
    LammpsError
        If LAMMPS stops with an error.
    """
    require_script(script)
    command = launcher(plugin, ranks)
    with tempfile.TemporaryDirectory(prefix="atomsmith-lammps-") as folder:
        lines = Path(folder) / "in.atomsmith"
        load = not plugin.installation.loads_from_path
        lines.write_text("\n".join(input_lines(plugin, potential, elements, load=load)) + "\n")
        command += [str(plugin.executable), "-in", str(script), "-var", "atomsmith", str(lines), *arguments]
        _follow(command, environment(plugin), log_of(arguments))


_SETTING = ("atomsmith", "pair_style", "include", "read_restart", "jump")
"""Words of lines that set a potential, or lead to ones that may."""


def require_script(script: Path) -> None:
    """Refuse a LAMMPS input that is not there, or asks for no potential: LAMMPS runs without one as well.

    Raises
    ------
    InputError
        If it is no file, or nothing in it can set a potential.
    """
    if not script.is_file():
        raise InputError(f"{script}: no such file; expected an input script for LAMMPS.")
    lines = (line.partition("#")[0] for line in script.read_text(errors="replace").splitlines())
    if not any(word in line for line in lines for word in _SETTING):
        raise InputError(
            f"{script}: no line sets a potential, so that no forces would act; write `include "
            "${atomsmith}` after the box is made."
        )


def launcher(plugin: Plugin, ranks: int) -> list[str]:
    """Words of a command line that start several ranks of what follows; none for one.

    Raises
    ------
    InputError
        If several are wanted where there is no mpiexec.
    """
    if ranks == 1:
        return []
    if plugin.installation.mpiexec is None:
        raise InputError(
            f"{ranks} ranks: found no mpiexec; name the one of LAMMPS's MPI library with --mpiexec."
        )
    return [str(plugin.installation.mpiexec), "-n", str(ranks)]


def message_of(output: str) -> str:
    """The first error in what LAMMPS printed, without the place in its sources; empty if there is none."""
    found = re.search(r"ERROR(?: on proc \d+)?: *(.*)", output)
    return re.sub(r" *\([^()]*\.(cpp|h):\d+\)$", "", found[1].strip()) if found else ""


def log_of(arguments: Sequence[str]) -> Path:
    """File of LAMMPS's log, by the arguments of its command line."""
    for option, value in pairwise(arguments):
        if option in ("-log", "-l"):
            return Path(value)
    return Path("log.lammps")


def _follow(command: Sequence[str], variables: dict[str, str], log: Path) -> None:
    """Run a command, passing on what it prints."""
    message = ""
    process = subprocess.Popen(
        command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    assert process.stdout is not None
    for line in process.stdout:
        sys.stdout.write(line)
        sys.stdout.flush()
        message = message or message_of(line)
    code = process.wait()
    if code != 0:
        place = f"the log is {log.resolve()}" if log.is_file() else "it left no log"
        raise LammpsError(f"LAMMPS stopped: {message or f'exit code {code}'}; {place}.")


def _quoted(path: Path | None) -> str:
    text = str(path)
    return f'"{text}"' if re.search(r"[\s#&$]", text) else text
