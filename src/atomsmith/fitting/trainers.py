"""Which terms need training before the linear fit, and by what; a new kind joins by one line."""

from __future__ import annotations

from atomsmith.fitting.training import Trainer
from atomsmith.model import TermSettings

TRAINERS: dict[str, Trainer] = {}
"""By the kind of a regressor, or by the name that a descriptor gives as its ``training``."""


def trainer_of(term: TermSettings) -> Trainer | None:
    """Trainer of a term; None where it is linear in its parameters."""
    named = TRAINERS.get(term.regressor.kind)
    return named or TRAINERS.get(getattr(term.descriptor, "training", None) or "")
