"""What verbs write: JSON files of numbers and texts, each replaced as a whole, and tables on the screen."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from atomsmith.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def console() -> Console:
    """Return a console on stdout: calm (numbers are not coloured), and wide where it is no terminal."""
    import sys

    from rich.console import Console

    if isinstance(sys.stdout, io.TextIOWrapper):  # names of files need not be UTF-8, nor the terminal
        sys.stdout.reconfigure(errors="backslashreplace")
    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 120)


def show_table(table: Table) -> None:
    """Print a table tightly, so that error tables fit into 80 columns; numbers are never cut."""
    from rich import box
    from rich.measure import Measurement

    table.box = box.SIMPLE_HEAD
    table.pad_edge = False
    table.collapse_padding = True
    table.title_justify = "left"
    for column in table.columns:
        column.no_wrap = column.no_wrap or column is table.columns[0] or column.justify == "right"
    screen = console()
    if all(column.no_wrap for column in table.columns):
        needed = Measurement.get(screen, screen.options.update(max_width=10_000), table).maximum
        screen.width = max(screen.width, needed)
    screen.print(table)


def require_writable(
    outputs: Mapping[str, Path | None],
    inputs: Sequence[Path] = (),
    folders: Mapping[str, Path | None] | None = None,
) -> None:
    """Refuse outputs that cannot be written or would replace an input, before anything is computed.

    Parameters
    ----------
    outputs
        Files to write, by the option that names them; None is left out.
    inputs
        Files that are read.
    folders
        Folders to write into, like ``outputs``.

    Raises
    ------
    InputError
        If an output is a folder (or a folder a file), is in no place for files, or stands for two things.
    """
    for option, path in (folders or {}).items():
        if path is not None:
            _require_place(option, path, path.absolute())
    taken = {path.resolve(): "is read by the same command" for path in inputs}
    for option, path in outputs.items():
        if path is None:
            continue
        if path.is_dir():
            raise InputError(f"{option} {path}: is a folder, expected the name of a file in it.")
        _require_place(option, path, path.absolute().parent)
        if path.resolve() in taken:
            raise InputError(f"{option} {path}: {taken[path.resolve()]}; give another name.")
        taken[path.resolve()] = f"is also written by {option}"


def _require_place(option: str, path: Path, folder: Path) -> None:
    """Refuse a folder that is there but cannot be written to, or cannot be made."""
    place = next(above for above in (folder, *folder.parents) if above.exists())
    if not place.is_dir():
        raise InputError(f"{option} {path}: {place} is a file, expected a folder; choose another place.")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(f"{option} {path}: the folder {place} is read-only; choose another place.")


def write_text(path: Path, text: str) -> None:
    """Replace a text file as a whole; folders above it are made."""
    from atomsmith.data.files import replacing

    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as stream:
        stream.write(text)


def write_json(path: Path, numbers: object) -> None:
    """Write numbers as JSON: arrays become lists, NaN and infinities null."""
    write_text(path, json.dumps(plain(numbers), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Reduce dataclasses, pydantic models, NumPy arrays and scalars to what JSON holds."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="json"))
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Sequence | set | frozenset):
        return [plain(item) for item in value]
    raise TypeError(f"cannot write {type(value).__name__} as JSON")
