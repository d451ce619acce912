"""Moment tensors without some of their contractions: only the products that the others need."""

from __future__ import annotations

from typing import Any

import numpy as np

from atomsmith.systems import BoolArray


def pruned_moments(part: dict[str, Any], kept: BoolArray) -> dict[str, Any]:
    """Return a part of an engine plan with some of its contractions, which keep their order.

    Products that nothing left depends on are gone, basic moments and radial functions stay. Where species
    have coefficients of their own, each loses the same contractions.

    Parameters
    ----------
    part
        Of the kind ``moments``.
    kept
        Which contractions stay, shape (n_scalars,).
    """
    products = np.asarray(part["products"])
    scalars = np.asarray(part["scalars"])[kept]
    n_basic = len(part["basic"])
    needed = np.zeros(max(n_basic, int(products[:, 2].max(initial=-1)) + 1), dtype=np.bool_)
    needed[:n_basic] = True
    needed[scalars] = True
    for u, v, target in products[::-1].tolist():  # factors come before what is made of them
        if needed[target]:
            needed[u] = needed[v] = True
    stays = needed[products[:, 2]]
    number = (np.cumsum(needed) - 1).astype(np.int32)
    sets = np.asarray(part["first_feature"]) // len(part["scalars"])
    return part | {
        "n_features": len(scalars) * (int(sets.max(initial=0)) + 1),
        "products": np.ascontiguousarray(number[products[stays]]),
        "weight": np.asarray(part["weight"])[stays],
        "scalars": number[scalars],
        "first_feature": (sets * len(scalars)).astype(np.int32),
    }
