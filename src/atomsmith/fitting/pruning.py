"""A potential without what a sparse fit has left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from atomsmith.descriptors.pruning import pruned_ace
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.registry import Solution
from atomsmith.systems import BoolArray, IntArray


def without_dropped(plan: dict[str, Any], solution: Solution) -> tuple[dict[str, Any], IntArray]:
    """Return the plan without the functions that the solver dropped, and the features that stay.

    Only functions of linear ACE leave the plan, whose evaluation then costs less; others keep a coefficient
    of zero.

    Parameters
    ----------
    plan
        Of n features.
    solution
        Infinite precisions mark what was dropped (and coefficients that are held: never functions of ACE).

    Returns
    -------
    plan, kept
        Plan, and indices of its features among the n, in rising order.
    """
    dropped: BoolArray = np.isinf(solution.alpha)
    parts, kept, first = [], [], 0
    for part in plan["parts"]:
        stays = np.ones(int(part["n_features"]), dtype=np.bool_)
        features = slice(first, first + len(stays))
        first += len(stays)
        if part["kind"] == "ace" and "regressor" not in part and dropped[features].any():
            stays = ~dropped[features]
            part = pruned_ace(part, stays)
        parts.append(part)
        kept.append(features.start + np.flatnonzero(stays))
    return plan | {"parts": parts}, np.concatenate(kept)


def restricted(posterior: Posterior, kept: IntArray) -> Posterior:
    """Return the posterior of some features, among them all that are uncertain."""
    position = np.full(posterior.n_features, -1)
    position[kept] = np.arange(len(kept))
    return Posterior(
        posterior.mean[kept], position[posterior.kept], posterior.factor, posterior.noise_precision
    )
