"""Linear fits: streaming triangular factor, solvers, posterior, weights, error metrics, calibration."""
