"""A run folder belongs to its settings: which of them may change between two commands."""

from __future__ import annotations

import json
from typing import Any

from atomsmith.errors import InputError
from atomsmith.learning.settings import LearnSettings

MAY_CHANGE = ("stop", "test", "executor", "threads", "checkpoint_every", "failures_in_a_row")
"""They change when and how fast things are computed, or how they are judged, not what."""


_SAME_NUMBERS = ("keep_files", "command", "environment")
"""Keys of a reference that say where its program is and what stays on disk. They change when a run moves to
another machine or is looked at more closely; what is computed stands in the other keys, and labels that are
paid for are not thrown away for a path. That the program they name is the same one is the user's business: no
text can tell."""


def fixed_settings(settings: LearnSettings) -> dict[str, Any]:
    """Settings that decide what a run computes, as plain values."""
    data = settings.model_dump(mode="json")
    for key in MAY_CHANGE:
        data.pop(key)
    data["potential"].pop("threads")
    data["start"].pop("files")  # their contents are in the store
    return _comparable(data)


_SAME_PATHS = ("at_once", "executable", "launcher")
"""Likewise of a sampler."""


def _comparable(data: dict[str, Any]) -> dict[str, Any]:
    """Leave out what changes no number, which stores of earlier versions hold as well."""
    reference = {key: value for key, value in data["reference"].items() if key not in _SAME_NUMBERS}
    sampler = data.get("sampler", "engine")  # earlier versions had no other
    if isinstance(sampler, dict):
        sampler = {key: value for key, value in sampler.items() if key not in _SAME_PATHS}
    selection = {"rule": "posterior"} | data["selection"]
    return data | {"reference": reference, "sampler": sampler, "selection": selection}


def require_same(before: dict[str, Any], now: dict[str, Any], folder: object) -> None:
    """Refuse to go on with other settings.

    Raises
    ------
    InputError
        Naming the first key that differs.
    """
    now = _comparable(now)
    if "robust" not in before["potential"]:
        # Begun before there was a choice: it matters to the fit after the last label alone.
        now["potential"] = {key: value for key, value in now["potential"].items() if key != "robust"}
    difference = _first_difference(_comparable(before), now, "")
    if difference:
        key, old, new = difference[0], *map(_written, difference[1:])
        raise InputError(
            f"{folder}: this run was begun with {key} = {old}, now it is {new}; put it back, or start a new "
            f"run in another folder (only {', '.join(MAY_CHANGE)} may change)."
        )


def _written(value: Any) -> str:
    """A value as it stands in a settings file: null, true, numbers, names without quotes."""
    return value if isinstance(value, str) else json.dumps(value)


def _first_difference(before: Any, now: Any, path: str) -> tuple[str, Any, Any] | None:
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted(set(before) | set(now)):
            found = _first_difference(before.get(key), now.get(key), f"{path}.{key}" if path else key)
            if found:
                return found
        return None
    return None if before == now else (path, before, now)
