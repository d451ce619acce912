"""The equation of state: energies over volumes, Birch and Murnaghan's curve, and the Delta gauge."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from pydantic import Field

from atomsmith.builders.deformations import deformed
from atomsmith.data.configuration import Configuration
from atomsmith.data.units import GPA_PER_EV_A3
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, name_of, silent
from atomsmith.properties.evaluation import evaluate
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.relaxation import RelaxSettings, relax
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ReferenceCurve(Settings):
    """A Birch-Murnaghan curve to compare with, such as that of DFT."""

    volume_angstrom3_per_atom: float = Field(gt=0.0, description="Volume at the minimum, in A^3/atom.")
    bulk_modulus_gpa: float = Field(gt=0.0, description="Bulk modulus there, in GPa.")
    bulk_modulus_derivative: float = Field(description="Its derivative by pressure.")


class EosSettings(Settings):
    """Settings of `atomsmith eos`."""

    volume_range: float = Field(
        default=0.06,
        gt=0.0,
        le=0.4,
        description="Largest relative change of the volume; 0.06 is that of the Delta gauge.",
    )
    points: int = Field(default=13, ge=5, description="Volumes, equally spaced.")
    ions: Literal["clamped", "relaxed"] = Field(
        default="relaxed", description="Whether atoms relax at each volume; the shape of the cell is kept."
    )
    reference: ReferenceCurve | None = Field(
        default=None, description="Curve to compare with by the Delta gauge; null compares with none."
    )
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )
    relax: RelaxSettings = Field(default=RelaxSettings(), description="Convergence of relaxed ions.")


@dataclass(frozen=True)
class BirchMurnaghan:
    """Third-order curve by Birch, Phys. Rev. 71, 809 (1947).

    ``energy`` in eV/atom at the volume ``volume`` (A^3/atom), ``bulk_modulus`` in eV/A^3, ``derivative`` by
    pressure.
    """

    energy: float
    volume: float
    bulk_modulus: float
    derivative: float

    @classmethod
    def fit(cls, volumes: FloatArray, energies: FloatArray) -> BirchMurnaghan | None:
        """Least squares; the curve is a cubic in V^(-2/3). None if it has no minimum."""
        mean = float(volumes.mean())
        c0, c1, c2, c3 = np.polynomial.polynomial.polyfit((volumes / mean) ** (-2 / 3) - 1.0, energies, 3)
        discriminant = c2 * c2 - 3.0 * c1 * c3
        if discriminant < 0.0 or c2 + np.sqrt(discriminant) <= 0.0:
            return None
        minimum = -c1 / (c2 + np.sqrt(discriminant))
        x = 1.0 + minimum
        if x <= 0.0:
            return None
        # With V = mean x^(-3/2): dE/dV = 0 at x, B = V E'' and B' from the third derivative.
        energy = c0 + minimum * (c1 + minimum * (c2 + minimum * c3))
        volume = mean * x**-1.5
        curvature, third = 2.0 * np.sqrt(discriminant), 6.0 * c3
        bulk = 4.0 / 9.0 * x**2 * curvature / volume
        derivative = 4.0 + 2.0 / 3.0 * x * third / curvature
        # E = E0 + 9 V0 B0 / 16 ((y - 1)^3 B0' + (y - 1)^2 (6 - 4 y)) has with y = x/x0:
        # E''' / E'' = (B0' - 4) 3 / 2 in y.
        return cls(float(energy), float(volume), float(bulk), float(derivative))

    def __call__(self, volumes: FloatArray) -> FloatArray:
        """Energy in eV/atom."""
        y = (self.volume / volumes) ** (2 / 3) - 1.0
        shape = self.derivative * y**3 + y**2 * (6.0 - 4.0 * (y + 1.0))
        energy: FloatArray = self.energy + 9.0 / 16.0 * self.volume * self.bulk_modulus * shape
        return energy


def delta_gauge(first: BirchMurnaghan, second: BirchMurnaghan, reach: float = 0.06) -> float:
    """Root mean square difference of two curves in eV/atom, over +-reach of their mean volume.

    Minima are aligned: Lejaeghere et al., Crit. Rev. Solid State 39, 1 (2014), eq. 3.
    """
    volume = 0.5 * (first.volume + second.volume)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    volumes = volume * (1.0 + reach * nodes)
    difference = (first(volumes) - first.energy) - (second(volumes) - second.energy)
    return float(np.sqrt(0.5 * np.sum(weights * difference**2)))


@dataclass(frozen=True, eq=False, kw_only=True)
class EosResult(PropertyResult):
    """Energies over volumes and the curve through them; None where there is no curve.

    Attributes
    ----------
    volumes_angstrom3_per_atom, energies_ev_per_atom
        Shape (points,).
    misfit_mev_per_atom
        Root mean square distance of the points from the curve.
    delta_mev_per_atom
        To the reference curve; None without one.
    """

    title: ClassVar[str] = "Equation of state"

    volumes_angstrom3_per_atom: FloatArray
    energies_ev_per_atom: FloatArray
    volume_angstrom3_per_atom: float | None
    energy_ev_per_atom: float | None
    bulk_modulus_gpa: float | None
    bulk_modulus_derivative: float | None
    misfit_mev_per_atom: float | None
    delta_mev_per_atom: float | None
    curve: BirchMurnaghan | None

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        return [
            Row("volume", self.volume_angstrom3_per_atom, "Å³/atom"),
            Row("energy", self.energy_ev_per_atom, "eV/atom", 5),
            Row("bulk modulus", self.bulk_modulus_gpa, "GPa", 1),
            Row("its derivative by pressure", self.bulk_modulus_derivative, "", 2),
            Row("misfit of the curve", self.misfit_mev_per_atom, "meV/atom", 4),
            *([Row("Delta", self.delta_mev_per_atom, "meV/atom", 2)] if self._reference() else []),
        ]

    def figure(self) -> Figure | None:
        """Draw energies, curve and reference curve."""
        if self.curve is None:
            return None
        from atomsmith.properties.figures import eos_figure

        return eos_figure(
            self.volumes_angstrom3_per_atom, self.energies_ev_per_atom, self.curve, self._reference()
        )

    def _reference(self) -> BirchMurnaghan | None:
        assert isinstance(self.settings, EosSettings)
        return reference_curve(self.settings.reference)


def reference_curve(reference: ReferenceCurve | None) -> BirchMurnaghan | None:
    """Return the curve of settings, its minimum at zero energy."""
    if reference is None:
        return None
    return BirchMurnaghan(
        0.0,
        reference.volume_angstrom3_per_atom,
        reference.bulk_modulus_gpa / GPA_PER_EV_A3,
        reference.bulk_modulus_derivative,
    )


def equation_of_state(
    force_field: ForceField,
    crystal: Configuration,
    settings: EosSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> EosResult:
    """Compute the equation of state; see `atomsmith.properties.base.Compute`."""
    settings = settings or EosSettings()
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    changes = np.linspace(-settings.volume_range, settings.volume_range, settings.points)
    base = relaxed.configuration
    cells = [deformed(base, (np.cbrt(1.0 + change) - 1.0) * np.eye(3)) for change in changes]
    if settings.ions == "relaxed":
        ends = relax(force_field, cells, settings.relax, report=report)
        failed = {end.problem for end in ends if end.problem is not None}
        problems += [f"ions did not relax at some volumes: {'; '.join(sorted(failed))}"] if failed else []
        energies = np.array([end.energy_per_atom for end in ends])
    else:
        energies = np.array([e.energy_per_atom for e in evaluate(force_field, cells)])
    volumes = base.volume / base.n_atoms * (1.0 + changes)
    curve = None
    if relaxed.problem is None and np.isfinite(energies).all():
        curve = BirchMurnaghan.fit(volumes, energies)
        if curve is None or not volumes[0] < curve.volume < volumes[-1]:
            curve = None
            problems.append("the energy has no minimum within the range of volumes; no curve is given")
    reference = reference_curve(settings.reference)
    misfit = None if curve is None else float(np.sqrt(np.mean((curve(volumes) - energies) ** 2)))
    delta = None if curve is None or reference is None else delta_gauge(curve, reference)
    return EosResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        volumes_angstrom3_per_atom=volumes,
        energies_ev_per_atom=energies,
        volume_angstrom3_per_atom=None if curve is None else curve.volume,
        energy_ev_per_atom=None if curve is None else curve.energy,
        bulk_modulus_gpa=None if curve is None else curve.bulk_modulus * GPA_PER_EV_A3,
        bulk_modulus_derivative=None if curve is None else curve.derivative,
        misfit_mev_per_atom=None if misfit is None else 1000.0 * misfit,
        delta_mev_per_atom=None if delta is None else 1000.0 * delta,
        curve=curve,
    )
