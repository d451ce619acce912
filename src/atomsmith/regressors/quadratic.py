"""The quadratic regressor: E_i = sum_k c_k B_ik + sum_{k <= l} c_kl B_ik B_il, as in qSNAP.

Wood, Thompson, J. Chem. Phys. 148, 241721 (2018). It is linear in its parameters, so it shares solvers,
posterior and committee with the linear one. As in LAMMPS, a square counts half.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.errors import InputError
from atomsmith.settings import Settings


class QuadraticSettings(Settings):
    """Energies quadratic in the features: all products of two features of an atom are features too."""

    kind: Literal["quadratic"] = Field(description="Name of the regressor.")
    prior_scale: float = Field(
        default=1.0,
        gt=0.0,
        description="Width of the prior of this term's coefficients relative to that of the other terms.",
    )


def with_products(part: DescriptorPart, n_elements: int) -> DescriptorPart:
    """Add to the features of every centre their products, (0, 0), (0, 1), ... (1, 1), ... behind them.

    Raises
    ------
    InputError
        If the descriptor's features cannot be multiplied.
    """
    if "quadratic" not in part.part:
        raise InputError(
            f"regressor quadratic: not possible with a descriptor of kind {part.part['kind']}; use "
            "bispectrum, or the linear regressor."
        )
    n = len(part.info) // n_elements
    first, second = np.triu_indices(n)
    infos = []
    for centre in range(n_elements):
        own = np.arange(centre * n, (centre + 1) * n)
        a, b = own[first], own[second]
        info = part.info
        infos.append(
            FeatureInfo(
                order=np.concatenate([info.order[own], info.order[a] + info.order[b]]).astype(np.int32),
                degree=np.concatenate([info.degree[own], info.degree[a] + info.degree[b]]),
                smoothness=np.concatenate([info.smoothness[own], info.smoothness[a] * info.smoothness[b]]),
                elements=(
                    *(info.elements[k] for k in own),
                    *(info.elements[k] + info.elements[other][1:] for k, other in zip(a, b, strict=True)),
                ),
                labels=(
                    *(info.labels[k] for k in own),
                    *(
                        f"{info.labels[k]} x {info.labels[other].split(': ')[-1]}"
                        for k, other in zip(a, b, strict=True)
                    ),
                ),
            )
        )
    info = FeatureInfo.concatenate(infos)
    return DescriptorPart(part.part | {"quadratic": True, "n_features": len(info)}, info)
