"""Folders of runs: which verb a folder belongs to, so that no other writes into it."""

from __future__ import annotations

from pathlib import Path

from atomsmith.errors import InputError

MARKS = {"learn": "store.sqlite", "tune": "tuning.sqlite", "assess": "items"}
"""What a run keeps its state in, by the verb."""


def verb_of(folder: Path) -> str | None:
    """The verb whose run a folder holds; None if it holds none."""
    return next((verb for verb, mark in MARKS.items() if (folder / mark).exists()), None)


def require_own_folder(folder: Path, verb: str) -> None:
    """Refuse a folder that holds the run of another verb, whose results would be written over.

    Raises
    ------
    InputError
        If it does.
    """
    found = verb_of(folder)
    if found not in (None, verb):
        raise InputError(f"{folder}: holds a run of `atomsmith {found}`; give another folder with -o.")
