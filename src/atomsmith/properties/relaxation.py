"""Relaxation of many systems at once: atoms alone, or atoms and cell, by L-BFGS.

Every step evaluates all systems that are not done in one batch. Each has its own L-BFGS history (Liu and
Nocedal, Math. Program. 45, 503 (1989)) with an Armijo condition on the energy. A cell that may change is
described as by Tadmor et al., Phys. Rev. B 59, 235 (1999): with a symmetric U, cell = cell_0 (1 + U) and
positions = x (1 + U); x and U are the coordinates, and the gradients of E + p V are

    dE/dx = -F (1 + U),    dE/dU = -(1 + U)^-1 W + p V (1 + U)^-1, symmetrised,   W the virial -dE/dstrain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.prediction import ForceField, stress_from_virial
from atomsmith.properties.base import Report, silent
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray, Systems

CellFreedom = Literal["fixed", "isotropic", "full"]

STIFFNESS = 70.0
"""Curvature in eV/angstrom^2 that the first step assumes."""
MEMORY = 30
LARGEST_STEP = 0.15
"""Largest displacement of an atom in one step, in angstrom."""
HOLE = 25.0
"""A system whose energy falls by so much (eV/atom) has fallen into a hole of its potential."""
ENERGY_NOISE = 1e-9
"""Relative rounding of energies, below which a step uphill is no step uphill."""


class RelaxSettings(Settings):
    """When a structure counts as relaxed."""

    force_ev_per_angstrom: float = Field(
        default=1e-4, gt=0.0, description="Largest force component left, in eV/angstrom."
    )
    stress_gpa: float = Field(
        default=1e-3, gt=0.0, description="Largest stress component left where the cell may change, in GPa."
    )
    max_steps: int = Field(default=500, ge=1, description="Steps after which it is given up.")


@dataclass(frozen=True, eq=False)
class Relaxed:
    """The end of a relaxation.

    Attributes
    ----------
    configuration
        At its end.
    energy
        eV.
    stress_gpa
        Tension positive, shape (6,); NaN without a cell.
    largest_force
        eV/angstrom.
    steps
        Evaluations that it took.
    problem
        Why it did not converge, a clause without a full stop; None where it did.
    """

    configuration: Configuration
    energy: float
    stress_gpa: FloatArray
    largest_force: float
    steps: int
    problem: str | None

    @property
    def energy_per_atom(self) -> float:
        """eV/atom."""
        return self.energy / self.configuration.n_atoms


def relax(
    force_field: ForceField,
    configurations: Sequence[Configuration],
    settings: RelaxSettings | None = None,
    *,
    cell: CellFreedom = "fixed",
    pressure_gpa: float = 0.0,
    report: Report = silent,
) -> list[Relaxed]:
    """Relax configurations together.

    Parameters
    ----------
    force_field
        The potential.
    configurations
        Starts; with a cell that may change they must be periodic in three directions.
    settings
        Convergence.
    cell
        ``fixed``, ``isotropic`` (only the volume changes) or ``full``.
    pressure_gpa
        Of the surroundings, where the cell may change.
    report
        Called with the number of systems that are done.
    """
    settings = settings or RelaxSettings()
    descents = [_Descent(c, settings, cell, pressure_gpa / GPA_PER_EV_A3) for c in configurations]
    for step in range(settings.max_steps + 1):
        active = [descent for descent in descents if not descent.done]
        if not active:
            break
        systems = _systems(active)
        prediction = force_field.predict(systems)
        stress = stress_from_virial(prediction.virial, np.where(systems.pbc.all(axis=1), systems.volumes, 0))
        for s, descent in enumerate(active):
            atoms = slice(systems.first[s], systems.first[s + 1])
            descent.take(
                float(prediction.energy[s]), prediction.forces[atoms], prediction.virial[s], stress[s]
            )
        done = sum(descent.done for descent in descents)
        largest = max(descent.largest_force for descent in active)
        report(done, len(descents), f"relaxing, step {step}, largest force {largest:.2g} eV/Å")
    return [descent.result() for descent in descents]


def _systems(descents: Sequence[_Descent]) -> Systems:
    counts = [descent.start.n_atoms for descent in descents]
    return Systems(
        numbers=np.concatenate([descent.start.numbers for descent in descents]),
        positions=np.concatenate([descent.positions for descent in descents]),
        cells=np.array([descent.cell for descent in descents]),
        pbc=np.array([descent.start.pbc for descent in descents]),
        first=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
    )


class LbfgsDirection:
    """The two-loop recursion; keeps only pairs with positive curvature."""

    def __init__(self, stiffness: float = STIFFNESS, memory: int = MEMORY) -> None:
        self._pairs: list[tuple[FloatArray, FloatArray, float]] = []
        self._scale = 1.0 / stiffness
        self._memory = memory

    def forget(self) -> None:
        """Begin anew along the gradient."""
        self._pairs.clear()

    def update(self, step: FloatArray, change: FloatArray) -> None:
        """Learn from a step and the change of the gradient over it."""
        curvature = float(step @ change)
        if curvature <= 1e-12 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            self.forget()
            return
        self._pairs.append((step, change, 1.0 / curvature))
        del self._pairs[: -self._memory]
        self._scale = curvature / float(change @ change)

    def __call__(self, gradient: FloatArray) -> FloatArray:
        """Return minus the approximate inverse Hessian times the gradient."""
        q = gradient.copy()
        weights = []
        for step, change, inverse in reversed(self._pairs):
            weight = inverse * float(step @ q)
            q -= weight * change
            weights.append(weight)
        q *= self._scale
        for (step, change, inverse), weight in zip(self._pairs, reversed(weights), strict=True):
            q += (weight - inverse * float(change @ q)) * step
        return -q


class _Descent:
    """One system on its way down: what is to be evaluated next, and what is made of the answer."""

    def __init__(
        self, start: Configuration, settings: RelaxSettings, freedom: CellFreedom, pressure: float
    ) -> None:
        self.start, self.settings, self.freedom, self.pressure = start, settings, freedom, pressure
        self.done = False
        self.problem: str | None = f"not converged in {settings.max_steps} steps"
        self.steps = 0
        self.largest_force = np.inf
        self._n = 3 * start.n_atoms
        # A strain moves a cell of N atoms as stiffly as one coordinate with this lever moves an atom.
        self._lever = np.sqrt(start.n_atoms)
        self._direction = LbfgsDirection()
        self._trial = np.concatenate([start.positions.ravel(), np.zeros(9)])
        self._best: tuple[FloatArray, FloatArray, float] | None = None  # coordinates, gradient, enthalpy
        self._search = np.zeros_like(self._trial)
        self._fraction = 1.0
        self._kept: tuple[FloatArray, FloatArray, float, FloatArray] | None = None
        self._first_energy = np.nan

    @property
    def _deformation(self) -> FloatArray:
        matrix: FloatArray = np.eye(3) + self._trial[self._n :].reshape(3, 3) / self._lever
        return matrix

    @property
    def cell(self) -> FloatArray:
        """Lattice vectors to evaluate."""
        cell: FloatArray = self.start.cell @ self._deformation
        return cell

    @property
    def positions(self) -> FloatArray:
        """Positions to evaluate."""
        positions: FloatArray = self._trial[: self._n].reshape(-1, 3) @ self._deformation
        return positions

    def take(self, energy: float, forces: FloatArray, virial: FloatArray, stress: FloatArray) -> None:
        """Judge the answer and choose the next place."""
        self.steps += 1
        if not (np.isfinite(energy) and np.isfinite(forces).all()):
            self._end("the potential gave forces that are not finite")
            return
        if np.isnan(self._first_energy):
            self._first_energy = energy
        if energy < self._first_energy - HOLE * self.start.n_atoms:
            self._end(f"the energy fell by more than {HOLE:.0f} eV/atom, into a hole of the potential")
            return
        enthalpy = energy + self.pressure * abs(float(np.linalg.det(self.cell)))
        gradient = self._gradient(forces, virial)
        if self._best is None or self._low_enough(enthalpy):
            self._accept(enthalpy, gradient, energy, forces, stress)
        else:
            self._backtrack()

    def result(self) -> Relaxed:
        """Return the best state seen."""
        if self._kept is None:
            return Relaxed(self.start, np.nan, np.full(6, np.nan), np.nan, self.steps, self.problem)
        positions, cell, energy, stress = self._kept
        return Relaxed(
            configuration=self.start.without_labels().replace(positions=positions, cell=cell),
            energy=energy,
            stress_gpa=stress * GPA_PER_EV_A3,
            largest_force=self.largest_force,
            steps=self.steps,
            problem=self.problem,
        )

    def _end(self, problem: str | None) -> None:
        self.done, self.problem = True, problem

    def _low_enough(self, enthalpy: float) -> bool:
        assert self._best is not None
        _, gradient, before = self._best
        promised = 1e-4 * self._fraction * float(gradient @ self._search)
        return enthalpy <= before + promised + ENERGY_NOISE * max(1.0, abs(before))

    def _accept(
        self, enthalpy: float, gradient: FloatArray, energy: float, forces: FloatArray, stress: FloatArray
    ) -> None:
        if self._best is not None:
            self._direction.update(self._trial - self._best[0], gradient - self._best[1])
        self._best = (self._trial, gradient, enthalpy)
        self._kept = (self.positions, self.cell, energy, stress)
        self.largest_force = float(np.abs(forces).max(initial=0.0))
        if self._converged(stress):
            self._end(None)
            return
        self._search = self._direction(gradient)
        if float(self._search @ gradient) >= 0.0:
            self._direction.forget()
            self._search = self._direction(gradient)
        self._search *= min(1.0, LARGEST_STEP / self._longest(self._search))
        self._fraction = 1.0
        self._trial = self._trial + self._search

    def _backtrack(self) -> None:
        assert self._best is not None
        self._fraction *= 0.4
        if self._fraction < 1e-3:
            if not self._retry():
                self._end("stuck: the energy does not fall along the forces (is the potential smooth?)")
            return
        self._trial = self._best[0] + self._fraction * self._search

    def _retry(self) -> bool:
        """Once more along the gradient, if the search went another way; False where that was tried."""
        assert self._best is not None
        steepest = -self._best[1] / STIFFNESS
        steepest *= min(1.0, LARGEST_STEP / self._longest(steepest))
        if np.allclose(steepest, self._search, rtol=1e-6, atol=0.0):
            return False
        self._direction.forget()
        self._search, self._fraction = steepest, 1.0
        self._trial = self._best[0] + steepest
        return True

    def _longest(self, step: FloatArray) -> float:
        atoms = np.linalg.norm(step[: self._n].reshape(-1, 3), axis=1).max(initial=0.0)
        # A strain of 0.04 is as bold as an atom's largest step.
        strain = np.abs(step[self._n :]).max() / self._lever * (LARGEST_STEP / 0.04)
        return float(max(atoms, strain, 1e-300))

    def _converged(self, stress: FloatArray) -> bool:
        if self.largest_force > self.settings.force_ev_per_angstrom:
            return False
        if self.freedom == "fixed":
            return True
        excess = (stress + self.pressure * np.array([1, 1, 1, 0, 0, 0])) * GPA_PER_EV_A3
        if self.freedom == "isotropic":
            return abs(float(excess[:3].mean())) <= self.settings.stress_gpa
        return float(np.abs(excess).max()) <= self.settings.stress_gpa

    def _gradient(self, forces: FloatArray, virial: FloatArray) -> FloatArray:
        deformation = self._deformation
        gradient = np.zeros_like(self._trial)
        gradient[: self._n] = -(forces @ deformation).ravel()
        if self.freedom == "fixed":
            return gradient
        volume = abs(float(np.linalg.det(self.cell)))
        strain = np.linalg.solve(deformation, -virial + self.pressure * volume * np.eye(3))
        strain = 0.5 * (strain + strain.T)
        if self.freedom == "isotropic":
            strain = np.eye(3) * np.trace(strain) / 3.0
        gradient[self._n :] = strain.ravel() / self._lever
        return gradient
