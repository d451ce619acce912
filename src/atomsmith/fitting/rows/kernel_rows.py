"""Rows of the design matrix of plans with sparse kernels, as matrix products of gradients and points."""

from __future__ import annotations

from typing import Any

import numpy as np

from atomsmith import _engine
from atomsmith.evaluator import DescriptorRows, PlanEvaluator, species_of
from atomsmith.regressors.kernel import Standard
from atomsmith.systems import FloatArray, Systems


def has_kernel(plan: dict[str, Any]) -> bool:
    """Whether some part of a plan has a sparse kernel on its descriptor."""
    return any(_is_kernel(part) for part in plan["parts"])


class KernelEvaluator(PlanEvaluator):
    """A plan with sparse kernels, whose design rows come from gradients of descriptors.

    A kernel's row of the position of atom j is, for the point s, sum_i zeta (B_i . B_s)^(zeta - 1)
    (dB_i / dr_j . B_s): the gradients of an atom by all others are multiplied with all points at once. Images
    of one atom are added up before, and nothing is done again for each vector of neighbours.
    """

    def __init__(self, plan: dict[str, Any], *, n_threads: int = 1) -> None:
        super().__init__(plan, n_threads=n_threads)
        self._parts: list[dict[str, Any]] = plan["parts"]
        others = [part for part in plan["parts"] if not _is_kernel(part)]
        self._others = PlanEvaluator({"elements": plan["elements"], "parts": others}, n_threads=n_threads)

    def design_rows(self, systems: Systems) -> tuple[FloatArray, FloatArray, FloatArray]:
        """As `PlanEvaluator.design_rows`; rows are contiguous."""
        others = self._others.design_rows(systems)
        n = self.model.n_features
        made = tuple(np.empty((len(rows), n)) for rows in others)
        taken = first = 0
        for number, part in enumerate(self._parts):
            size = int(part["n_features"])
            own = slice(first, first + size)
            if _is_kernel(part):
                self._kernel_rows(number, part, systems, tuple(rows[:, own] for rows in made))
            else:
                for to, rows in zip(made, others, strict=True):
                    to[:, own] = rows[:, taken : taken + size]
                taken += size
            first += size
        energy, forces, virial = made
        return energy, forces, virial

    def _kernel_rows(
        self, number: int, part: dict[str, Any], systems: Systems, to: tuple[FloatArray, ...]
    ) -> None:
        rows = self.descriptor_rows(systems, number)
        species = species_of(systems.numbers, self.elements)
        column = 0
        for z, centre in enumerate(part["regressor"]["centres"]):
            points = np.ascontiguousarray(centre["points"], dtype=np.float64)
            own = slice(column, column + len(points))
            column += len(points)
            if not len(points):
                continue
            inputs = rows if "scale" not in centre else _standardised(rows, centre)
            found = _engine.kernel_rows(
                points,
                float(part["regressor"]["zeta"]),
                np.flatnonzero(species == z),
                systems.owner.astype(np.int32),
                systems.n_systems,
                inputs.features,
                inputs.first,
                inputs.atom,
                inputs.gradients,
                inputs.strain,
                n_threads=self.n_threads,
            )
            for out, made in zip(to, found, strict=True):
                out[:, own] = made[:, : len(points)]


def _standardised(rows: DescriptorRows, centre: dict[str, Any]) -> DescriptorRows:
    """Inputs of the kernel of one species; for atoms of others they mean nothing."""
    standard = Standard(np.asarray(centre["shift"]), np.asarray(centre["scale"]))
    n = len(standard.scale)
    inputs = standard.inputs(rows.features[:, :n])
    of_row = np.repeat(inputs, np.diff(rows.first), axis=0)
    return DescriptorRows(
        inputs,
        rows.first,
        rows.atom,
        standard.gradients(of_row, rows.gradients[:, :, :n]),
        standard.gradients(inputs, rows.strain[:, :, :n]),
    )


def _is_kernel(part: dict[str, Any]) -> bool:
    return bool(part.get("regressor", {}).get("kind") == "kernel")
