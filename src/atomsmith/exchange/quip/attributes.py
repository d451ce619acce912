"""Attributes of QUIP's XML files, with complaints that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree

from atomsmith.errors import InputError


def refuse(path: Path, why: str) -> NoReturn:
    """Complain about a file."""
    raise InputError(f"{path}: {why}.")


def attribute(path: Path, element: ElementTree.Element, key: str) -> str:
    """Return an attribute that must be there."""
    value = element.get(key)
    if value is None:
        refuse(path, f"'{key}' of {element.tag} is missing; the file is damaged")
    return value


def number(path: Path, element: ElementTree.Element, key: str) -> float:
    """Return a number."""
    text = attribute(path, element, key)
    try:
        return float(text)
    except ValueError:
        refuse(path, f"'{key}' of {element.tag} is '{text}', expected a number")


def whole(path: Path, element: ElementTree.Element, key: str) -> int:
    """Return a whole number that is not negative."""
    text = attribute(path, element, key)
    if not text.strip().isdecimal():
        refuse(path, f"'{key}' of {element.tag} is '{text}', expected a whole number")
    return int(text)
