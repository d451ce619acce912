"""The quadratic regressor: E_i = sum_k c_k B_ik + sum_{k <= l} c_kl B_ik B_il, as in qSNAP.

Wood, Thompson, J. Chem. Phys. 148, 241721 (2018). It is linear in its parameters, so it shares solvers,
posterior and committee with the linear one. As in LAMMPS, a square counts half.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo, features_of_centres
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

    Species that share features share products.

    Raises
    ------
    InputError
        If the part has no features of a centre that could be multiplied.
    """
    centres = {tuple(own): own for own in features_of_centres(part.part, n_elements) if len(own)}
    if not centres:
        raise InputError(
            f"regressor quadratic: a term of kind {part.part['kind']} does not describe single atoms; use it "
            "with the linear regressor, or another descriptor."
        )
    infos = []
    for own in centres.values():
        first, second = np.triu_indices(len(own))
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
    return DescriptorPart(part.part | {"regressor": {"kind": "quadratic"}, "n_features": len(info)}, info)
