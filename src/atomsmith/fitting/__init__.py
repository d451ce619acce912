"""Linear fits: streaming triangular factor, solvers, posterior, weights, error metrics, calibration."""

from atomsmith.fitting.ard import ARD
from atomsmith.fitting.calibration import Calibration, calibrate
from atomsmith.fitting.cross_validation import CrossValidation, cross_validate, leave_group_out
from atomsmith.fitting.elimination import Elimination
from atomsmith.fitting.evidence import Evidence
from atomsmith.fitting.factor import TriangularFactor, merge_factors
from atomsmith.fitting.factor_set import FactorSet, KindErrors
from atomsmith.fitting.metrics import ErrorReport, Errors, ErrorStatistics, errors
from atomsmith.fitting.posterior import Posterior
from atomsmith.fitting.prior import Prior, smoothness_penalty
from atomsmith.fitting.ridge import Ridge
from atomsmith.fitting.solvers import Solution, Solver, solve
from atomsmith.fitting.weights import KindWeights, RowWeights, TypeWeights, Weights, row_weights

__all__ = [
    "ARD",
    "Calibration",
    "CrossValidation",
    "Elimination",
    "ErrorReport",
    "ErrorStatistics",
    "Errors",
    "Evidence",
    "FactorSet",
    "KindErrors",
    "KindWeights",
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
    "cross_validate",
    "errors",
    "leave_group_out",
    "merge_factors",
    "row_weights",
    "smoothness_penalty",
    "solve",
]
