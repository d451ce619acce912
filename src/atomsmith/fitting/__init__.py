"""Linear fits: streaming triangular factor, solvers, posterior, weights, error metrics, calibration."""

from atomsmith.fitting.ard import ARD
from atomsmith.fitting.calibration import Calibration, calibrate
from atomsmith.fitting.cross_validation import CrossValidation, leave_group_out
from atomsmith.fitting.evidence import Evidence
from atomsmith.fitting.factor import TriangularFactor, merge_factors
from atomsmith.fitting.metrics import ErrorReport, Errors, ErrorStatistics, errors
from atomsmith.fitting.posterior import Posterior
from atomsmith.fitting.prior import Prior, smoothness_penalty
from atomsmith.fitting.ridge import Ridge
from atomsmith.fitting.solvers import Solution, Solver, solve
from atomsmith.fitting.weights import RowWeights, TypeWeights, Weights, row_weights

__all__ = [
    "ARD",
    "Calibration",
    "CrossValidation",
    "ErrorReport",
    "ErrorStatistics",
    "Errors",
    "Evidence",
    "Posterior",
    "Prior",
    "Ridge",
    "RowWeights",
    "Solution",
    "Solver",
    "TriangularFactor",
    "TypeWeights",
    "Weights",
    "calibrate",
    "errors",
    "leave_group_out",
    "merge_factors",
    "row_weights",
    "smoothness_penalty",
    "solve",
]
