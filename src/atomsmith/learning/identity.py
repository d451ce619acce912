"""A run folder belongs to its settings: which of them may change between two commands."""

from __future__ import annotations

from typing import Any

from atomsmith.errors import InputError
from atomsmith.learning.settings import LearnSettings

MAY_CHANGE = ("stop", "executor", "threads", "checkpoint_every", "failures_in_a_row")
"""They change when and how fast things are computed, not what."""


def fixed_settings(settings: LearnSettings) -> dict[str, Any]:
    """Settings that decide what a run computes, as plain values."""
    data = settings.model_dump(mode="json")
    for key in MAY_CHANGE:
        data.pop(key)
    data["potential"].pop("threads")
    data["start"].pop("files")  # their contents are in the store
    return data


def require_same(before: dict[str, Any], now: dict[str, Any], folder: object) -> None:
    """Refuse to go on with other settings.

    Raises
    ------
    InputError
        Naming the first key that differs.
    """
    difference = _first_difference(before, now, "")
    if difference:
        key, old, new = difference
        raise InputError(
            f"{folder}: this run was begun with {key} = {old}, now it is {new}; put it back, or start a new "
            f"run in another folder (only {', '.join(MAY_CHANGE)} may change)."
        )


def _first_difference(before: Any, now: Any, path: str) -> tuple[str, Any, Any] | None:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(set(before) | set(now)):
            found = _first_difference(before.get(key), now.get(key), f"{path}.{key}" if path else key)
            if found:
                return found
        return None
    return None if before == now else (path, before, now)
