"""Versions for `--version` and for reports: the package's and the instruction set of its engine."""

from __future__ import annotations

import platform
from importlib import metadata


def package_version() -> str:
    """Return the version of the installed package, or say that it runs from a source tree."""
    try:
        return metadata.version("atomsmith")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def version_line() -> str:
    """One line: package, engine, Python."""
    return f"atomsmith {package_version()}, engine {_engine()}, Python {platform.python_version()}"


def _engine() -> str:
    try:
        from atomsmith import _engine as engine
    except ImportError as error:
        return f"missing ({error})"
    return str(engine.isa())
