"""What a killed training goes on from: a file of arrays, written anew and renamed."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.data.files import replacing_bytes


class Checkpoint:
    """State of a training in a file.

    Parameters
    ----------
    folder
        Where the file is; None keeps nothing.
    name
        Of the file.
    key
        Digest of all that the training depends on: a file of another key is not read.
    """

    def __init__(self, folder: Path | None, name: str, key: str) -> None:
        self._path = None if folder is None else folder / f"{name}.npz"
        self._key = key

    def load(self) -> dict[str, Any] | None:
        """Return the state, if there is one of the same training."""
        if self._path is None:
            return None
        try:
            with np.load(self._path, allow_pickle=False) as found:
                state = {name: found[name] for name in found.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            return None
        return state if str(state.pop("key", "")) == self._key else None

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state in the file."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {name: np.asarray(value) for name, value in state.items()}
        with replacing_bytes(self._path) as file:
            np.savez(file, allow_pickle=False, key=np.array(self._key), **arrays)
