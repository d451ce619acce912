"""Radial functions as cubic Hermite pieces between nodes, for the oracle."""

import numpy as np


def spline_radial(table, pair, r):
    """Functions of one ordered pair, shape (len(r), n); analytic in r within every piece."""
    bins = np.asarray(table["bins"])
    first, cutoff = int(np.sum(bins[:pair] + 1)), table["cutoff"][pair]
    own = slice(first, first + bins[pair] + 1)
    nodes = np.reshape(table["nodes"], (-1, 2, table["n"]))[own]
    if "knots" in table:
        knots, unit = np.asarray(table["knots"])[own], 1.0
    else:
        knots, unit = np.linspace(0.0, cutoff, bins[pair] + 1), bins[pair] / cutoff
    k = np.clip(np.searchsorted(knots, r.real, side="right") - 1, 0, bins[pair] - 1)
    h = (knots[k + 1] - knots[k])[:, None]
    x = (r[:, None] - knots[k][:, None]) / h
    (f0, d0), (f1, d1) = (np.moveaxis(nodes[at], 1, 0) for at in (k, k + 1))
    d0, d1 = d0 * h * unit, d1 * h * unit
    value = (
        f0 * (1.0 + 2.0 * x) * (1.0 - x) ** 2
        + d0 * x * (1.0 - x) ** 2
        + f1 * x * x * (3.0 - 2.0 * x)
        + d1 * x * x * (x - 1.0)
    )
    return np.where(r.real[:, None] < cutoff, value, 0.0)
