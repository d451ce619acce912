"""Builds the plugin for one LAMMPS: its sources come with the package, and so does the engine, compiled."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from atomsmith.errors import InputError
from atomsmith.lammps.installation import Installation

PLUGIN = "atomsmithplugin.so"
"""LAMMPS loads files of this ending from the folders in LAMMPS_PLUGIN_PATH."""
STYLES = "libatomsmith_styles.so"
PROGRAM = "lmp_atomsmith"
_STYLE_SOURCES = (
    "pair_atomsmith.cpp",
    "pair_biased.cpp",
    "bias.cpp",
    "compute_uncertainty.cpp",
    "compute_closest.cpp",
    "local_atoms.cpp",
)
_ARCHIVES = ("libatomsmith_potential.a", "libatomsmith_engine.a")


@dataclass(frozen=True)
class Plugin:
    """A plugin that was built for an installation of LAMMPS.

    Attributes
    ----------
    installation
        The LAMMPS that it fits.
    folder
        Where it lies.
    """

    installation: Installation
    folder: Path

    @property
    def library(self) -> Path | None:
        """File for LAMMPS's ``plugin load``, or None where LAMMPS has no such command."""
        return self.folder / PLUGIN if self.installation.loads_plugins else None

    @property
    def executable(self) -> Path:
        """LAMMPS's own executable, or one with the styles built in where it loads no plugins."""
        return self.installation.executable if self.installation.loads_plugins else self.folder / PROGRAM


@dataclass(frozen=True)
class Sources:
    """Folder of the plugin's sources and the archives of the compiled engine."""

    folder: Path
    archives: tuple[Path, ...]


def build_plugin(
    installation: Installation,
    folder: Path | None = None,
    *,
    compiler: str | None = None,
    flags: Sequence[str] = ("-O2",),
) -> Plugin:
    """Build the plugin, or return it as it was built before from the same sources for the same LAMMPS.

    Parameters
    ----------
    installation
        LAMMPS to build for.
    folder
        Where to put it; by default a folder of the user's cache (``XDG_CACHE_HOME``).
    compiler
        C++20 compiler; by default ``CXX`` of the environment, else c++.
    flags
        Further options of the compiler. The engine's kernels come compiled, for every instruction set.

    Raises
    ------
    InputError
        If there is no compiler, or it fails; the message names the log.
    """
    sources = find_sources()
    command = [*shlex.split(compiler or os.environ.get("CXX", "c++")), *flags]
    key = _fingerprint(installation, sources, command)
    target = folder or _cache_folder() / f"{installation.version}-{key[:12]}"
    plugin = Plugin(installation, target)
    stamp = target / "built-from"
    if stamp.is_file() and stamp.read_text() == key:
        return plugin
    target.mkdir(parents=True, exist_ok=True)
    with (target / "lock").open("w") as lock, tempfile.TemporaryDirectory(dir=target) as work:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another process may be building the same
        if stamp.is_file() and stamp.read_text() == key:
            return plugin
        made = _compile(installation, sources, command, Path(work), target / "build.log")
        for path in made:
            path.replace(target / path.name)
        stamp.write_text(key)
    return plugin


def find_sources() -> Sources:
    """Return what the package carries for building plugins; in a checkout, the folder cpp and its build."""
    from atomsmith import _engine

    installed = Path(_engine.__file__).parent / "native"
    if installed.is_dir():
        return Sources(installed, tuple(installed / name for name in _ARCHIVES))
    checkout = Path(__file__).resolve().parents[3]
    builds = sorted(
        (path.parent for path in checkout.glob(f"build/*/{_ARCHIVES[0]}")), key=lambda p: p.stat().st_mtime
    )
    if not builds or not (checkout / "cpp" / "lammps").is_dir():
        raise InputError(f"{installed}: the plugin's sources are missing; install atomsmith again.")
    return Sources(checkout / "cpp", tuple(builds[-1] / name for name in _ARCHIVES))


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "atomsmith" / "lammps"


def _fingerprint(installation: Installation, sources: Sources, command: Sequence[str]) -> str:
    digest = hashlib.sha256(repr((installation, command)).encode())
    headers = sorted(path for path in sources.folder.rglob("*") if path.suffix in (".h", ".hpp", ".cpp"))
    for path in [*headers, *sources.archives]:
        digest.update(path.read_bytes())
    executable = installation.executable.stat()
    digest.update(repr((executable.st_size, executable.st_mtime_ns)).encode())
    return digest.hexdigest()


def _compile(
    installation: Installation, sources: Sources, command: list[str], work: Path, log: Path
) -> list[Path]:
    """Compile and link; returns the files made."""
    folder = sources.folder / "lammps"
    options = [
        "-std=c++20",
        "-fPIC",
        "-fvisibility=hidden",
        "-DOMPI_SKIP_MPICXX",
        "-DMPICH_SKIP_MPICXX",
        f"-DATOMSMITH_LAMMPS_VERSION={installation.version}",
        *(f"-D{name}" for name in installation.definitions),
        *("-isystem", str(installation.headers), "-isystem", str(folder / "without_fmt")),
        *("-isystem", str(installation.mpi_headers)),
    ]
    last = ("plugin.cpp", "styles.cpp") if installation.loads_plugins else ("main.cpp",)
    log.write_text("")

    def compiled(name: str) -> str:
        made = work / name.replace(".cpp", ".o")
        _call([*command, *options, "-c", str(folder / name), "-o", str(made)], log)
        return str(made)

    with ThreadPoolExecutor(max_workers=2) as pool:
        objects = dict(
            zip((*_STYLE_SOURCES, *last), pool.map(compiled, (*_STYLE_SOURCES, *last)), strict=True)
        )
    styles = [objects[name] for name in _STYLE_SOURCES]
    archives = [*map(str, sources.archives), "-Wl,--exclude-libs,ALL", "-pthread"]
    if not installation.loads_plugins:
        program = work / PROGRAM
        libraries = [*_library_options(installation), "-llammps", "-lmpi"]
        _call([*command, "-o", str(program), objects["main.cpp"], *styles, *archives, *libraries], log)
        return [program]
    library, plugin = work / STYLES, work / PLUGIN
    _call([*command, "-shared", "-o", str(library), objects["styles.cpp"], *styles, *archives], log)
    _call([*command, "-shared", "-o", str(plugin), objects["plugin.cpp"], "-ldl"], log)
    return [library, plugin]


def _library_options(installation: Installation) -> list[str]:
    """Where the linker finds liblammps and libmpi besides its own folders."""
    prefix = installation.executable.resolve().parents[1]
    folders = [
        path for path in (prefix / "lib", prefix / "lib64") if path.is_dir() and prefix != Path("/usr")
    ]
    return [option for path in folders for option in (f"-L{path}", f"-Wl,-rpath,{path}")]


def _call(command: Sequence[str], log: Path) -> None:
    if shutil.which(command[0]) is None:
        raise InputError(
            f"found no C++20 compiler ({command[0]}); on Debian or Ubuntu: apt install g++, on a "
            "cluster: load a module with GCC 11 or newer, or name one with CXX=..."
        )
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    with log.open("a") as file:
        file.write(f"{shlex.join(command)}\n{result.stdout}{result.stderr}")
    if result.returncode != 0:
        errors = [line for line in result.stderr.splitlines() if "error" in line or "undefined" in line]
        said = errors[0].strip() if errors else f"exit code {result.returncode}"
        raise InputError(f"the plugin could not be compiled ({said}); the whole of it is in {log}.")
