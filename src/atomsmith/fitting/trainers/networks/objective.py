"""The sum of squared errors that training lowers, its gradient and its Gauss-Newton matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atomsmith.fitting.trainers.networks.perceptron import Derivatives, Perceptrons
from atomsmith.fitting.trainers.networks.rows import TrainingRows
from atomsmith.systems import FloatArray


@dataclass(frozen=True, eq=False)
class Errors:
    """Weighted errors (label less prediction) of one configuration; empty where it has no label.

    Attributes
    ----------
    energy, forces, virial
        Shapes (1,), (3N,), (6,), times their scales; the scales have the same shapes.
    """

    energy: FloatArray
    forces: FloatArray
    virial: FloatArray
    scales: tuple[FloatArray, FloatArray, FloatArray]

    @property
    def square(self) -> float:
        """Sum of squares."""
        return float(sum(np.square(part).sum() for part in (self.energy, self.forces, self.virial)))

    @property
    def n_rows(self) -> int:
        """Rows with a weight above zero."""
        return int(sum(np.count_nonzero(scale) for scale in self.scales))


Values = tuple[list[FloatArray], list[FloatArray]]
"""Energies of atoms (atoms,) and their derivatives by the inputs (atoms, D), by species."""


@dataclass(frozen=True)
class Loss:
    """How well parameters do on some configurations.

    Attributes
    ----------
    mean_square
        Of the weighted errors of all rows.
    typical
        Geometric mean over energies, forces and virials of their mean absolute weighted errors: what decides
        when to stop, because a few far-off forces among few configurations do not.
    energy_rmse, force_rmse
        Unweighted: eV/atom and eV/angstrom; NaN without such labels.
    """

    mean_square: float
    typical: float
    energy_rmse: float
    force_rmse: float


class Objective:
    """Weighted squared errors of one member of an ensemble on a set of rows.

    Parameters
    ----------
    networks
        Architecture.
    derivatives
        Compiled functions of each element; None for an element without features.
    rows
        Training set.
    """

    def __init__(
        self, networks: Perceptrons, derivatives: list[Derivatives | None], rows: TrainingRows
    ) -> None:
        self.networks, self.rows = networks, rows
        self._derivatives = derivatives

    def own(self, parameters: FloatArray, species: int) -> FloatArray:
        """Parameters of one element."""
        first = self.networks.first
        return parameters[first[species] : first[species + 1]]

    def values(self, parameters: FloatArray, numbers: NDArray[np.int64]) -> Values:
        """Energies and slopes of the atoms of some configurations; zero for others."""
        energies, slopes = [], []
        for z, made in enumerate(self._derivatives):
            inputs = self.rows.inputs[z]
            energies.append(np.zeros(len(inputs)))
            slopes.append(np.zeros_like(inputs))
            atoms = self._atoms(z, numbers)
            if made is None or len(atoms) == 0:
                continue
            e, g = made.values(self.own(parameters, z), _padded(inputs[atoms]))
            energies[z][atoms] = np.asarray(e)[: len(atoms)]
            slopes[z][atoms] = np.asarray(g)[: len(atoms)]
        return energies, slopes

    def _atoms(self, species: int, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of the inputs of a species in some configurations."""
        some = [self.rows.place[k] for k in numbers]
        return np.concatenate([np.zeros(0, np.int64), *(at[kinds == species] for kinds, at in some)])

    def errors(self, number: int, values: Values) -> Errors:
        """Weighted errors of one configuration from the values of all atoms."""
        energies, slopes = values
        residual = self.rows.residuals[number]
        species, index = self.rows.place[number]
        n = len(species)
        energy = sum(float(own[index[species == z]].sum()) for z, own in enumerate(energies))
        forces, virial = np.zeros(3 * n), np.zeros(6)
        if residual.forces is not None or residual.virial is not None:
            for block in self.rows.blocks(number):
                g = slopes[block.species][index[block.centres]].reshape(-1).astype(np.float32)
                forces[block.rows] += block.forces @ g
                virial += block.virial @ g
        scales = residual.scales
        none = np.zeros(0)
        s_energy = none if residual.energy is None else scales.rows("energy")
        s_forces = none if residual.forces is None else scales.rows("forces")
        s_virial = none if residual.virial is None else scales.rows("virial")
        return Errors(
            energy=none if residual.energy is None else s_energy * (residual.energy - energy),
            forces=none if residual.forces is None else s_forces * (residual.forces.reshape(-1) - forces),
            virial=none if residual.virial is None else s_virial * (residual.virial - virial),
            scales=(s_energy, s_forces, s_virial),
        )

    def loss(self, parameters: FloatArray, numbers: NDArray[np.int64]) -> Loss:
        """How well the parameters do on some configurations."""
        values = self.values(parameters, numbers)
        return summary([(self.errors(k, values), len(self.rows.place[k][0])) for k in numbers])

    def gradient(self, parameters: FloatArray, numbers: NDArray[np.int64]) -> tuple[float, int, FloatArray]:
        """Sum of squares, rows and half the gradient of the sum on some configurations."""
        values = self.values(parameters, numbers)
        by_energy = [np.zeros(len(x)) for x in self.rows.inputs]
        by_slope = [np.zeros_like(x) for x in self.rows.inputs]
        total, rows = 0.0, 0
        for k in numbers:
            errors = self.errors(k, values)
            total, rows = total + errors.square, rows + errors.n_rows
            species, index = self.rows.place[k]
            s_energy, s_forces, s_virial = errors.scales
            if len(errors.energy):
                for z in range(len(by_energy)):
                    by_energy[z][index[species == z]] -= s_energy[0] * errors.energy[0]
            if not len(errors.forces) and not len(errors.virial):
                continue
            forces = s_forces * errors.forces if len(errors.forces) else np.zeros(3 * len(species))
            virial = s_virial * errors.virial if len(errors.virial) else np.zeros(6)
            for block in self.rows.blocks(k):
                back = forces[block.rows].astype(np.float32) @ block.forces
                back = back + virial.astype(np.float32) @ block.virial
                place = index[block.centres]
                by_slope[block.species][place] -= back.reshape(len(place), -1)
        gradient = np.zeros_like(parameters)
        for z, made in enumerate(self._derivatives):
            atoms = self._atoms(z, numbers)
            if made is not None and len(atoms):
                first, parts = self.networks.first, (self.rows.inputs[z], by_energy[z], by_slope[z])
                given = (_padded(part[atoms]) for part in parts)
                found = made.gradient(self.own(parameters, z), *given)
                gradient[first[z] : first[z + 1]] = np.asarray(found)
        return total, rows, gradient

    def normal_equations(
        self, parameters: FloatArray, numbers: NDArray[np.int64]
    ) -> tuple[float, int, FloatArray, FloatArray]:
        """Sum of squares, rows, half its gradient -J^T e, and J^T J, J the derivatives of predictions.

        Products are made in single precision, configuration by configuration, and added up in double.
        """
        values = self.values(parameters, numbers)
        n = self.networks.n_parameters
        matrix, gradient = np.zeros((n, n)), np.zeros(n)
        total, rows = 0.0, 0
        for k in numbers:
            errors = self.errors(k, values)
            total, rows = total + errors.square, rows + errors.n_rows
            jacobian, weighted = self._jacobian(parameters, k, errors)
            matrix += jacobian.T @ jacobian
            gradient -= jacobian.T @ weighted
        return total, rows, gradient, matrix

    def _jacobian(
        self, parameters: FloatArray, number: int, errors: Errors
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weighted derivatives of the predictions of one configuration, and its weighted errors."""
        species, index = self.rows.place[number]
        count, first = len(species), self.networks.first
        jacobian = np.zeros((7 + 3 * count, self.networks.n_parameters), np.float32)
        for block in self.rows.blocks(number):
            z = block.species
            made = self._derivatives[z]
            if made is None:
                continue
            both = made.jacobian(self.own(parameters, z), self.rows.inputs[z][index[block.centres]])
            own = slice(first[z], first[z + 1])
            jacobian[0, own] += both[:, 0].sum(axis=0)
            slopes = both[:, 1:].reshape(-1, both.shape[2])
            jacobian[1 + block.rows, own] += block.forces @ slopes
            jacobian[1 + 3 * count :, own] += block.virial @ slopes
        parts = ((errors.energy, 1), (errors.forces, 3 * count), (errors.virial, 6))
        error = np.concatenate([e if len(e) else np.zeros(size) for e, size in parts])
        scale = np.concatenate(
            [s if len(s) else np.zeros(size) for s, (_, size) in zip(errors.scales, parts, strict=True)]
        )
        return jacobian * scale[:, None].astype(np.float32), error.astype(np.float32)


def _padded(values: FloatArray) -> FloatArray:
    """Rows of zeros added up to one of few lengths, so that JAX compiles few functions."""
    length = 64
    while length < len(values):
        length += max(64, length // 8)
    return np.concatenate([values, np.zeros((length - len(values), *values.shape[1:]))])


def summary(errors: list[tuple[Errors, int]]) -> Loss:
    """Errors of configurations with their numbers of atoms, in a few figures."""
    squares, rows = sum(e.square for e, _ in errors), sum(e.n_rows for e, _ in errors)
    energies = [_unweighted(e.energy, e.scales[0]) / n for e, n in errors]
    forces = [_unweighted(e.forces, e.scales[1]) for e, _ in errors]
    kinds = [np.concatenate([getattr(e, kind) for e, _ in errors]) for kind in ("energy", "forces", "virial")]
    means = [float(np.abs(values).mean()) for values in kinds if len(values) and values.any()]
    typical = float(np.exp(np.mean(np.log(means)))) if means else 0.0
    return Loss(squares / max(rows, 1), typical, _rms(energies), _rms(forces))


def _unweighted(values: FloatArray, scales: FloatArray) -> FloatArray:
    some = scales > 0.0
    return values[some] / scales[some]


def _rms(parts: list[FloatArray]) -> float:
    values = np.concatenate([np.zeros(0), *parts])
    return float(np.sqrt(np.square(values).mean())) if len(values) else float("nan")
