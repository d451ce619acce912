"""Versions of what computed a result, and the kind of machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from atomsmith import _engine
from atomsmith.potential import library_version

PACKAGES = ("numpy", "scipy", "ase", "vesin", "pydantic", "matplotlib")
"""Packages that take part in every fit."""


def versions(also: Iterable[str] = ()) -> dict[str, str]:
    """Versions of the package, its engine, Python, packages (``also`` where installed), and the machine."""
    found = {
        "atomsmith": library_version(),
        "engine": f"{_engine.isa()}, {_engine.lanes()} doubles in a vector",
        "Python": platform.python_version(),
    }
    for name in dict.fromkeys((*PACKAGES, *also)):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    found["system"] = f"{platform.system()} {platform.release()}, {platform.machine()}"
    found["processor"] = f"{_processor()}, {os.cpu_count()} cores"
    return found


def _processor() -> str:
    """Model of the processor as the system names it."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
