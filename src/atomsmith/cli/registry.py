"""Which settings model belongs to which verb; models are imported when they are asked for."""

from __future__ import annotations

from importlib import import_module

from atomsmith.errors import InputError
from atomsmith.settings import Settings

SETTINGS = {
    "learn": "atomsmith.learning.settings:LearnSettings",
    "fit": "atomsmith.fitting.settings:FitSettings",
    "properties": "atomsmith.properties.suite:SuiteSettings",
    "assess": "atomsmith.assessment.settings:AssessSettings",
    "tune": "atomsmith.tuning.settings:TuneSettings",
}
"""Verb -> module:class of the settings file that it reads."""


def settings_model(verb: str) -> type[Settings]:
    """Return the settings model of a verb.

    Raises
    ------
    InputError
        When the verb reads no settings file.
    """
    if verb not in SETTINGS:
        raise InputError(f"{verb!r} reads no settings file; the verbs that do are {', '.join(SETTINGS)}.")
    module, _, name = SETTINGS[verb].partition(":")
    model: type[Settings] = getattr(import_module(module), name)
    return model
