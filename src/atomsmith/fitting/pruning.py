"""A potential without what a sparse fit has left out."""

from __future__ import annotations

from typing import Any

import numpy as np

from atomsmith.descriptors.moments_pruning import pruned_moments
from atomsmith.descriptors.pruning import pruned_ace
from atomsmith.fitting.solvers.posterior import Posterior
from atomsmith.fitting.solvers.registry import Solution
from atomsmith.systems import BoolArray, IntArray


def without_dropped(plan: dict[str, Any], solution: Solution) -> tuple[dict[str, Any], IntArray]:
    """Return the plan without the functions that the solver dropped, and the features that stay.

    Only functions of linear ACE and of moment tensors leave the plan, whose evaluation then costs less;
    others keep a coefficient of zero, and so do contractions of moments that some other species needs.

    Parameters
    ----------
    plan
        Of n features.
    solution
        Infinite precisions mark what was dropped (and coefficients that are held: never functions of these).

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
        if "regressor" not in part and dropped[features].any():
            part, stays = _pruned(part, ~dropped[features])
        parts.append(part)
        kept.append(features.start + np.flatnonzero(stays))
    return plan | {"parts": parts}, np.concatenate(kept)


def _pruned(part: dict[str, Any], wanted: BoolArray) -> tuple[dict[str, Any], BoolArray]:
    """Part without functions that are not wanted, as far as its kind can, and which features it still has."""
    if part["kind"] == "ace":
        return pruned_ace(part, wanted), wanted
    if part["kind"] == "moments":
        by_set = wanted.reshape(-1, len(part["scalars"]))
        stays = np.logical_or.reduce(by_set)
        return pruned_moments(part, stays), np.tile(stays, len(by_set))
    return part, np.ones_like(wanted)


def restricted(posterior: Posterior, kept: IntArray) -> Posterior:
    """Return the posterior of some features, among them all that are uncertain."""
    position = np.full(posterior.n_features, -1)
    position[kept] = np.arange(len(kept))
    return Posterior(
        posterior.mean[kept], position[posterior.kept], posterior.factor, posterior.noise_precision
    )
