"""Atomsmith: machine-learned interatomic potentials, learned actively, fitted, assessed and run."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from atomsmith.data.dataset import Dataset
    from atomsmith.fitting.fit import fit
    from atomsmith.potential import Potential

__all__ = ["Dataset", "Potential", "fit"]

_HOME = {
    "Dataset": "atomsmith.data.dataset",
    "Potential": "atomsmith.potential",
    "fit": "atomsmith.fitting.fit",
}


def __getattr__(name: str) -> Any:
    # Imported when first asked for, so that `atomsmith --help` does not wait for NumPy and ASE.
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'atomsmith' has no attribute {name!r}")
