"""What every solver takes and returns: the noise floor, and the precisions it found."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from atomsmith.settings import Settings
from atomsmith.systems import FloatArray


class SolverSettings(Settings):
    """What all solvers share."""

    noise_floor: float = Field(
        default=1.0e-5,
        ge=0.0,
        description="Noise of the labels below which no fit is believed, in weighted units: "
        "eV/angstrom for a force of weight 1.",
    )


@dataclass(frozen=True, eq=False)
class Hyperparameters:
    """Precisions of prior and noise.

    Attributes
    ----------
    alpha
        Prior precision of each coefficient in standard form, shape (p,); infinite where it is dropped.
    beta
        Noise precision of the weighted rows.
    log_evidence
        Log of the restricted marginal likelihood of the weighted targets at these precisions.
    effective
        Number of parameters that the data determine, gamma = sum_j (1 - alpha_j Sigma_jj) (MacKay 1992).
    iterations
        Iterations taken.
    converged
        Whether the tolerance was met.
    """

    alpha: FloatArray
    beta: float
    log_evidence: float
    effective: float
    iterations: int
    converged: bool
