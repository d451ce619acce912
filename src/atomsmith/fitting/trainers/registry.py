"""Which terms need training before the linear fit, and by what; a new kind joins by one line."""

from __future__ import annotations

from atomsmith.errors import InputError
from atomsmith.fitting.trainers.embedding import train_embedding
from atomsmith.fitting.trainers.networks import train_networks
from atomsmith.fitting.trainers.radial import train_radial
from atomsmith.fitting.trainers.training import Trainer
from atomsmith.model import TermSettings
from atomsmith.regressors import KernelSettings, LinearSettings, QuadraticSettings

TRAINERS: dict[str, Trainer] = {
    "embedding": train_embedding,
    "network": train_networks,
    "radial": train_radial,
}
"""By the kind of a regressor, or by the name that a descriptor gives as its ``training``."""


def trainer_of(term: TermSettings) -> Trainer | None:
    """Trainer of a term; None where it is linear in its parameters.

    Raises
    ------
    InputError
        If the term needs training that nothing here can do.
    """
    wanted = getattr(term.descriptor, "training", None)
    if wanted is not None and not isinstance(term.regressor, LinearSettings):
        raise InputError(
            f"A term of {term.descriptor.kind} asks for the training {wanted!r} beside the regressor "
            f"{term.regressor.kind}; it takes the regressor linear, or no training of the descriptor."
        )
    if not isinstance(term.regressor, LinearSettings | QuadraticSettings | KernelSettings):
        wanted = term.regressor.kind
    if wanted is None:
        return None
    if wanted not in TRAINERS:
        raise InputError(
            f"A term of {term.descriptor.kind} asks for the training {wanted!r}, which fits do not know; use "
            f"one of {', '.join(sorted(TRAINERS)) or 'those of linear terms'}."
        )
    return TRAINERS[wanted]
