"""Minimum energy paths by the climbing-image nudged elastic band, all images evaluated in one batch.

Tangents by Henkelman and Jonsson, J. Chem. Phys. 113, 9978 (2000); climbing image by Henkelman, Uberuaga and
Jonsson, J. Chem. Phys. 113, 9901 (2000); all images are moved together by L-BFGS as in Sheppard, Terrell and
Henkelman, J. Chem. Phys. 128, 134106 (2008).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import Report, silent
from atomsmith.properties.evaluation import Evaluated, evaluate
from atomsmith.properties.relaxation import LbfgsDirection
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

LARGEST_STEP = 0.1
"""Largest displacement of an atom in one step, in angstrom."""
CLIMB_BELOW = 0.5
"""Largest force of the band, eV/angstrom, below which the highest image climbs."""


class NebSettings(Settings):
    """The band and when it counts as converged."""

    images: int = Field(default=7, ge=3, le=99, description="Images, ends included; odd has a middle.")
    force_ev_per_angstrom: float = Field(
        default=0.01, gt=0.0, description="Largest force component of the band left, in eV/angstrom."
    )
    spring_ev_per_angstrom2: float = Field(
        default=1.0, gt=0.0, description="Stiffness of the springs between images."
    )
    max_steps: int = Field(default=300, ge=1, description="Steps after which it is given up.")


@dataclass(frozen=True, eq=False)
class Path:
    """A band.

    Attributes
    ----------
    images
        Configurations, ends included.
    energies_ev
        Shape (images,).
    positions_angstrom
        Length along the path up to each image, shape (images,).
    slopes
        Derivative of the energy along the path at each image, eV/angstrom, shape (images,).
    largest_force
        Of the band, eV/angstrom.
    steps
        Evaluations of the band.
    problem
        Why it did not converge; None where it did.
    """

    images: list[Configuration]
    energies_ev: FloatArray
    positions_angstrom: FloatArray
    slopes: FloatArray
    largest_force: float
    steps: int
    problem: str | None

    @property
    def barrier_ev(self) -> float:
        """Highest image over the first, in eV."""
        return float(self.energies_ev.max() - self.energies_ev[0])


def climbing_band(
    force_field: ForceField,
    first: Configuration,
    last: Configuration,
    settings: NebSettings | None = None,
    *,
    report: Report = silent,
) -> Path:
    """Find the path of least energy between two relaxed configurations with the same atoms and cell.

    Raises
    ------
    InputError
        If the ends differ in atoms or cell.
    """
    settings = settings or NebSettings()
    if not np.array_equal(first.numbers, last.numbers) or not np.allclose(first.cell, last.cell):
        raise InputError("the ends of a path must have the same atoms in the same order and the same cell.")
    shift = _shortest(last.positions - first.positions, first)
    inner = np.linspace(0.0, 1.0, settings.images)[1:-1]
    band = np.array([first.positions + share * shift for share in inner])
    ends = evaluate(force_field, [first, first.replace(positions=first.positions + shift)])
    return _converged_band(force_field, ends, band, settings, report)


def _converged_band(
    force_field: ForceField, ends: list[Evaluated], band: FloatArray, settings: NebSettings, report: Report
) -> Path:
    """Move the inner images, shape (images - 2, N, 3), until their forces vanish."""
    start = ends[0].configuration
    direction = LbfgsDirection()
    climbing = False
    before: tuple[FloatArray, FloatArray] | None = None
    problem: str | None = f"not converged in {settings.max_steps} steps"
    for steps in range(1, settings.max_steps + 1):
        inner = evaluate(force_field, [start.replace(positions=positions) for positions in band])
        state = _State([ends[0], *inner, ends[1]])
        if not np.isfinite(state.energies).all():
            problem, largest = "the potential gave an energy that is not finite", np.inf
            break
        gradient = -state.forces(settings.spring_ev_per_angstrom2, climbing)
        largest = float(np.abs(gradient).max())
        report(steps, None, f"band, largest force {largest:.2g} eV/Å{', climbing' if climbing else ''}")
        if climbing and largest <= settings.force_ev_per_angstrom:
            problem = None
            break
        if not climbing and largest < CLIMB_BELOW:
            climbing, before = True, None
            direction.forget()
            gradient = -state.forces(settings.spring_ev_per_angstrom2, climbing)
        flat = gradient.ravel()
        if before is not None:
            direction.update(band.ravel() - before[0], flat - before[1])
        before = (band.ravel().copy(), flat)
        step = direction(flat).reshape(band.shape)
        band = band + step * min(1.0, LARGEST_STEP / float(np.linalg.norm(step, axis=2).max()))
    return Path(
        images=[e.configuration for e in state.images],
        energies_ev=state.energies,
        positions_angstrom=state.lengths,
        slopes=state.slopes,
        largest_force=largest,
        steps=steps,
        problem=problem,
    )


class _State:
    """The evaluated images, ends included, and the geometry of the path through them."""

    def __init__(self, images: list[Evaluated]) -> None:
        self.images = images
        self.energies = np.array([e.energy for e in images])
        positions = np.array([e.configuration.positions for e in images])
        self._true = np.array([e.forces for e in images])
        self._steps = np.diff(positions, axis=0)
        self._distances = np.linalg.norm(self._steps, axis=(1, 2))
        self._tangents = self._find_tangents()

    @property
    def lengths(self) -> FloatArray:
        """Length of the path up to each image."""
        lengths: FloatArray = np.concatenate([[0.0], np.cumsum(self._distances)])
        return lengths

    @property
    def slopes(self) -> FloatArray:
        """Derivative of the energy along the path; zero at the ends, which are minima."""
        inner = -np.einsum("iab,iab->i", self._true[1:-1], self._tangents)
        return np.concatenate([[0.0], inner, [0.0]])

    def forces(self, spring: float, climbing: bool) -> FloatArray:
        """Nudged forces of the inner images, shape (images - 2, N, 3)."""
        true, tangents = self._true[1:-1], self._tangents
        along = np.einsum("iab,iab->i", true, tangents)
        pull = spring * (self._distances[1:] - self._distances[:-1])
        nudged = true + (pull - along)[:, None, None] * tangents
        if climbing:
            top = int(np.argmax(self.energies[1:-1]))
            nudged[top] = true[top] - 2.0 * along[top] * tangents[top]
        result: FloatArray = nudged
        return result

    def _find_tangents(self) -> FloatArray:
        """Tangents towards the higher neighbour, unit length (Henkelman and Jonsson, eqs. 8 to 12)."""
        tangents = []
        for i in range(1, len(self.images) - 1):
            low, here, high = self.energies[i - 1 : i + 2]
            back, ahead = self._steps[i - 1], self._steps[i]
            if high > here > low:
                tangent = ahead
            elif high < here < low:
                tangent = back
            else:
                sizes = sorted((abs(high - here), abs(low - here)))
                weights = (sizes[1], sizes[0]) if high > low else (sizes[0], sizes[1])
                tangent = weights[0] * ahead + weights[1] * back
                if not np.any(tangent):
                    tangent = ahead + back
            tangents.append(tangent / np.linalg.norm(tangent))
        return np.array(tangents)


def _shortest(vectors: FloatArray, configuration: Configuration) -> FloatArray:
    """Take the nearest images of displacements along periodic directions."""
    fractional = vectors @ np.linalg.inv(configuration.cell)
    shortest: FloatArray = vectors - (np.rint(fractional) * configuration.pbc) @ configuration.cell
    return shortest
