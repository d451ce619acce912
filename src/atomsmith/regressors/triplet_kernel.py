"""The squared-exponential kernel of triplets, an atom and two of its neighbours (angle_3b of QUIP).

A feature of an atom i is sum_{j < k} f(r_ij) f(r_ik) exp(-1/2 sum_d ((q_d - p_d) / L_d)^2), one for each
sparse point p, with q = (r_ij + r_ik, (r_ij - r_ik)^2, r_jk) and a cosine switch f. Bartok, Csanyi, Int. J.
Quantum Chem. 115, 1051 (2015), sec. 2.3. With q = (r_ij, r_ik, r_jk), the kernel is summed over permutations
of the distances and normalised (distance_Nb of QUIP).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.elements import SYMBOLS
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class TripletKernel:
    """Sparse points for the triplets of some elements.

    Attributes
    ----------
    points
        Values of q in angstrom, angstrom^2 and angstrom, shape (M, 3).
    lengths
        L for each component of q, shape (3,).
    cutoff, width
        Of the switch, in angstrom.
    triplets
        Positions of the elements of centre and both neighbours.
    permutations
        Where q are the distances r_ij, r_ik and r_jk: which of their orders are one.
    """

    points: FloatArray
    lengths: FloatArray
    cutoff: float
    width: float
    triplets: tuple[tuple[int, int, int], ...]
    permutations: Sequence[tuple[int, int, int]] | None = None

    def plan(self) -> dict[str, Any]:
        """Return it as a part of a plan holds it."""
        plan = {
            "cutoff": float(self.cutoff),
            "width": float(self.width),
            "length": np.asarray(self.lengths, dtype=np.float64),
            "points": np.asarray(self.points, dtype=np.float64),
            "triplets": np.array(self.triplets, dtype=np.int32).reshape(-1, 3),
        }
        if self.permutations is None:
            return plan
        return plan | {"permutations": np.array(self.permutations, dtype=np.int32)}


def triplet_kernel_part(kernels: Sequence[TripletKernel], elements: Sequence[int]) -> DescriptorPart:
    """Part of a plan with one feature for every sparse point, kernel after kernel."""
    counts = [len(kernel.points) for kernel in kernels]
    count = sum(counts)
    of_kernel = [
        tuple(sorted({int(elements[z]) for triplet in kernel.triplets for z in triplet}))
        for kernel in kernels
    ]
    part: dict[str, Any] = {
        "kind": "three_body",
        "n_features": count,
        "kernels": [kernel.plan() for kernel in kernels],
    }
    info = FeatureInfo(
        order=np.full(count, 2, dtype=np.int32),
        degree=np.zeros(count),
        smoothness=np.ones(count),
        elements=tuple(own for own, n in zip(of_kernel, counts, strict=True) for _ in range(n)),
        labels=tuple(
            f"triplets of {'-'.join(SYMBOLS[z] for z in own)}, point {k}"
            for own, n in zip(of_kernel, counts, strict=True)
            for k in range(n)
        ),
    )
    return DescriptorPart(part, info)
