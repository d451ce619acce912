"""Rows of the design matrix, made in blocks by the engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.fitting.rows.factor_set import KindFactors, LabelledRows
from atomsmith.fitting.rows.kernel_rows import KernelEvaluator, has_kernel
from atomsmith.fitting.weights import KINDS, Weights, relative_weights
from atomsmith.prediction import stress_from_virial
from atomsmith.systems import BoolArray, FloatArray, Systems

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration

BLOCK_BYTES = 16 * 2**20
"""Aimed-at size of the rows that are made at once; larger ones no longer fit into the processor's cache."""


@dataclass(frozen=True, eq=False)
class RowMaker:
    """What turns configurations into rows.

    Attributes
    ----------
    plan
        Engine plan of n features.
    weights
        Row weights; those common to a kind are not applied here, see `relative_weights`.
    reference
        Coefficients that are known beforehand, of the first features or of all: energies of isolated atoms by
        element of the plan, eV, and those that came with trained terms. They are taken off the targets, so
        that large totals do not cost digits; the fitted coefficients are then relative to these.
    n_threads
        Threads of the engine.
    """

    plan: dict[str, Any]
    weights: Weights
    reference: FloatArray
    n_threads: int = 1

    @property
    def n_features(self) -> int:
        """Number of columns n."""
        return sum(int(part["n_features"]) for part in self.plan["parts"])

    def fold(
        self,
        configurations: Sequence[Configuration],
        into: KindFactors,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """Fold the rows of all labels into factors, block by block.

        ``progress`` is called with the number of configurations of every block that is done.

        Raises
        ------
        InputError
            If an atom's element is not in the plan.
        """
        evaluator = self.evaluator()
        for block in blocks(configurations, self.n_features):
            into.fold(self.rows(block, evaluator), len(block), sum(map(number_of_labels, block)))
            if progress is not None:
                progress(len(block))

    def rows(
        self, configurations: Sequence[Configuration], evaluator: PlanEvaluator | None = None
    ) -> dict[str, LabelledRows]:
        """Rows of the labels of some configurations, by kind.

        The energies, forces and virials that no coefficient scales (repulsion) are taken off the targets.
        ``evaluator`` is one of the plan, to spare making it again.
        """
        evaluator = evaluator or self.evaluator()
        systems = Systems.from_configurations(configurations)
        made = dict(zip(KINDS, self.made(systems, evaluator), strict=True))
        n_elements = len(self.plan["elements"])
        trained = np.zeros((1, evaluator.model.n_features))
        trained[0, n_elements : len(self.reference)] = self.reference[n_elements:]
        unscaled = evaluator.weights(trained)
        energies, forces, virial = evaluator.predict_sets(systems, unscaled)
        fixed_energy = sum_atoms(energies[0], systems)
        for element, energy in enumerate(self.reference[:n_elements]):
            fixed_energy = fixed_energy + energy * made["energy"][:, element]
        return self._labelled(configurations, made, fixed_energy, forces[0], virial[0])

    def residuals(
        self,
        configurations: Sequence[Configuration],
        coefficients: FloatArray,
        evaluator: PlanEvaluator | None = None,
    ) -> dict[str, LabelledRows]:
        """What coefficients, relative to ``reference``, leave of the labels: as `rows`, without a column."""
        evaluator = evaluator or self.evaluator()
        systems = Systems.from_configurations(configurations)
        absolute = np.array(coefficients)
        absolute[: len(self.reference)] += self.reference
        energies, forces, virial = evaluator.predict_sets(systems, evaluator.weights(absolute[None]))
        made = {
            "energy": np.zeros((systems.n_systems, 0)),
            "forces": np.zeros((3 * len(systems.numbers), 0)),
            "virial": np.zeros((6 * systems.n_systems, 0)),
        }
        return self._labelled(configurations, made, sum_atoms(energies[0], systems), forces[0], virial[0])

    def evaluator(self) -> PlanEvaluator:
        """Return an evaluator of the plan."""
        if has_kernel(self.plan):
            return KernelEvaluator(self.plan, n_threads=self.n_threads)
        return PlanEvaluator(self.plan, n_threads=self.n_threads)

    def made(self, systems: Systems, evaluator: PlanEvaluator) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rows of energy, forces and virial as the engine makes them, with all n columns."""
        return evaluator.design_rows(systems)

    def _labelled(
        self,
        configurations: Sequence[Configuration],
        made: dict[str, FloatArray],
        energy: FloatArray,
        forces: FloatArray,
        virial: FloatArray,
    ) -> dict[str, LabelledRows]:
        """Rows of the labels, less energies (S,), forces (N, 3) and virials (S, 3, 3) that are known."""
        known = {
            "energy": energy,
            "forces": forces.reshape(-1),
            "virial": -stress_from_virial(virial, np.ones(len(virial))).reshape(-1),
        }
        scales = [relative_weights(c, self.weights) for c in configurations]
        rows = {
            kind: _labelled(kind, configurations, [one.rows(kind) for one in scales], made, known)
            for kind in KINDS
        }
        return rows if self.weights.pressure else rows | {"virial": without_pressure(rows["virial"])}


def without_pressure(virial: LabelledRows) -> LabelledRows:
    """Rows of virials with the mean of xx, yy and zz taken off rows and targets.

    Of every six rows one then follows from two others; the noise of a fit counts it as one without error.
    """
    return replace(virial, rows=_deviator(virial.rows), targets=_deviator(virial.targets))


def _deviator(values: FloatArray) -> FloatArray:
    """Values by component (xx yy zz yz xz xy), shape (6 S, ...), without the mean of the first three."""
    components = values.reshape(-1, 6, *values.shape[1:]).copy()
    components[:, :3] -= components[:, :3].mean(axis=1, keepdims=True)
    return components.reshape(values.shape)


def blocks(configurations: Sequence[Configuration], n_features: int) -> Iterator[Sequence[Configuration]]:
    """Cut a sequence into blocks of about `BLOCK_BYTES` of rows."""
    start, rows = 0, 0
    for k, configuration in enumerate(configurations):
        rows += 7 + 3 * len(configuration.numbers)
        if rows * n_features * 8 >= BLOCK_BYTES:
            yield configurations[start : k + 1]
            start, rows = k + 1, 0
    if start < len(configurations):
        yield configurations[start:]


def number_of_labels(configuration: Configuration, *kinds: str) -> int:
    """Rows that the labels of a configuration have (of some kinds): energy 1, forces 3 N, stress 6."""
    return sum(_length(kind, configuration) for kind in kinds or KINDS if _has(kind, configuration))


def _has(kind: str, configuration: Configuration) -> bool:
    return {"virial": "stress"}.get(kind, kind) in configuration.labels


def _labelled(
    kind: str,
    configurations: Sequence[Configuration],
    scales: Sequence[FloatArray],
    made: dict[str, FloatArray],
    fixed: dict[str, FloatArray],
) -> LabelledRows:
    """Rows, targets and scales of one kind, of the configurations that have such a label and a weight."""
    labelled: BoolArray = np.array([bool(scale.any()) for scale in scales], dtype=np.bool_)
    chosen = np.repeat(labelled, [len(scale) for scale in scales])
    targets = [_label(kind, c) for c, has in zip(configurations, labelled, strict=True) if has]
    everything = bool(labelled.all())
    rows = made[kind] if everything else made[kind][chosen]
    known = fixed[kind] if everything else fixed[kind][chosen]
    squares = [
        float(np.square(scale * _unit(kind, c)).sum())
        for scale, c in zip(scales, configurations, strict=True)
    ]
    return LabelledRows(
        rows=rows,
        targets=np.concatenate([np.zeros(0), *targets]) - known,
        scales=np.concatenate([np.zeros(0), *scales])[chosen],
        unit_squares=np.array(squares)[labelled],
    )


def _length(kind: str, configuration: Configuration) -> int:
    """Rows of a configuration that has the label."""
    return {"energy": 1, "forces": 3 * len(configuration.numbers), "virial": 6}[kind]


def _label(kind: str, configuration: Configuration) -> FloatArray:
    """Label of a configuration that has it, as the virial -V * stress in eV for a stress, flat."""
    if kind == "energy":
        return np.array([configuration.energy], dtype=np.float64)
    if kind == "forces":
        return np.asarray(configuration.forces, dtype=np.float64).reshape(-1)
    virial: FloatArray = -configuration.volume * np.asarray(configuration.stress, dtype=np.float64)
    return virial


def _unit(kind: str, configuration: Configuration) -> float:
    """What a residual is divided by to give an error per atom, of a force component or of a stress."""
    return {"energy": float(len(configuration.numbers)), "forces": 1.0, "virial": configuration.volume}[kind]
