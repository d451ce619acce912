"""Linear fits: streaming triangular factor, solvers, posterior, weights, error metrics, calibration."""

from atomsmith.fitting.calibration import Calibration, calibrate
from atomsmith.fitting.cross_validation import CrossValidation, cross_validate, leave_group_out
from atomsmith.fitting.metrics import ErrorReport, Errors, ErrorStatistics, errors
from atomsmith.fitting.rows.factor import TriangularFactor, merge_factors
from atomsmith.fitting.rows.factor_set import FactorSet, KindErrors
from atomsmith.fitting.solvers.ard import ARD
from atomsmith.fitting.solvers.elimination import Elimination
from atomsmith.fitting.solvers.evidence import Evidence
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.prior import Prior, smoothness_penalty
from atomsmith.fitting.solvers.registry import Solution, Solver, solve
from atomsmith.fitting.solvers.ridge import Ridge
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
