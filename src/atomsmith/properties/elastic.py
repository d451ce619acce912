"""Elastic constants from stresses of strained cells, reduced by symmetry, with clamped and relaxed ions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field

from atomsmith.builders.deformations import MODES, deformed, strain_matrix
from atomsmith.builders.symmetry import MEND, rotations
from atomsmith.data.configuration import Configuration
from atomsmith.prediction import ForceField
from atomsmith.properties.base import PropertyResult, Report, Row, name_of, silent
from atomsmith.properties.evaluation import evaluate
from atomsmith.properties.lattice import LatticeSettings, settle
from atomsmith.properties.relaxation import RelaxSettings, relax
from atomsmith.properties.tensors import ElasticForm, Moduli, is_stable
from atomsmith.settings import Settings
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FRACTIONS = (-1.0, -0.5, 0.5, 1.0)
NONLINEAR = 0.05
"""Part by which slopes at whole and half strain may differ before the result says so."""


class ElasticSettings(Settings):
    """Settings of `atomsmith elastic`."""

    strain: float = Field(
        default=0.002,
        gt=0.0,
        le=0.05,
        description="Largest strain; each mode is strained by this and by half of it, both ways, and the "
        "slope extrapolated to none.",
    )
    lattice: LatticeSettings = Field(
        default=LatticeSettings(), description="How the crystal is relaxed before."
    )
    relax: RelaxSettings = Field(
        default=RelaxSettings(force_ev_per_angstrom=1e-5),
        description="Convergence of the ions in strained cells.",
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class ElasticResult(PropertyResult):
    """Elastic constants in the axes of the crystal as given; None where they could not be had.

    Attributes
    ----------
    names
        Independent components.
    c_gpa, c_clamped_gpa
        Voigt matrices (6, 6) with relaxed and with clamped ions.
    moduli
        Of the relaxed ions.
    stable
        Whether Born's criterion holds.
    misfit_gpa
        Root mean square deviation of the measured slopes from a tensor with the crystal's symmetry.
    strains, stresses_gpa
        Of the modes that were strained: shapes (4,) and (modes, 4, 6), ions relaxed.
    """

    title: ClassVar[str] = "Elastic constants"

    names: tuple[str, ...]
    c_gpa: FloatArray | None
    c_clamped_gpa: FloatArray | None
    moduli: Moduli | None
    stable: bool | None
    misfit_gpa: float | None
    modes: tuple[str, ...]
    strains: FloatArray
    stresses_gpa: FloatArray

    def component(self, name: str, *, clamped: bool = False) -> float | None:
        """Return a component such as C44 in GPa."""
        matrix = self.c_clamped_gpa if clamped else self.c_gpa
        return None if matrix is None else float(matrix[int(name[1]) - 1, int(name[2]) - 1])

    def rows(self) -> list[Row]:
        """Numbers for the table."""
        moduli: dict[str, Any] = {} if self.moduli is None else vars(self.moduli)
        shown = [Row(name, self.component(name), "GPa", 1) for name in self.names]
        clamped = [
            Row(f"{name}, clamped ions", self.component(name, clamped=True), "GPa", 1) for name in self.names
        ]
        return [
            *shown,
            *(pair[1] for pair in zip(shown, clamped, strict=True) if _differ(pair[0].value, pair[1].value)),
            Row("bulk modulus (Voigt)", moduli.get("bulk_voigt_gpa"), "GPa", 1),
            Row("bulk modulus (Hill)", moduli.get("bulk_hill_gpa"), "GPa", 1),
            Row("shear modulus (Voigt)", moduli.get("shear_voigt_gpa"), "GPa", 1),
            Row("shear modulus (Reuss)", moduli.get("shear_reuss_gpa"), "GPa", 1),
            Row("shear modulus (Hill)", moduli.get("shear_hill_gpa"), "GPa", 1),
            Row("Young's modulus (Hill)", moduli.get("young_hill_gpa"), "GPa", 1),
            Row("Poisson's ratio (Hill)", moduli.get("poisson_hill"), "", 3),
            Row("universal anisotropy", moduli.get("universal_anisotropy"), "", 3),
        ]

    def figure(self) -> Figure | None:
        """Draw stresses against strains with the slopes of the constants."""
        if self.c_gpa is None:
            return None
        from atomsmith.properties.figures import stress_strain_figure

        return stress_strain_figure(self.modes, self.strains, self.stresses_gpa, self.c_gpa)


def elastic(
    force_field: ForceField,
    crystal: Configuration,
    settings: ElasticSettings | None = None,
    *,
    report: Report = silent,
    folder: Path | None = None,
) -> ElasticResult:
    """Compute elastic constants; see `atomsmith.properties.base.Compute`.

    The relaxed crystal is strained by each mode that symmetry makes necessary. The slope of the Cauchy stress
    at zero strain, with zero stress there, is the column of C; with D(s) the central difference at strain s
    it is (4 D(s/2) - D(s)) / 3, so that what is left is of fourth order in s.
    """
    settings = settings or ElasticSettings()
    relaxed, problems = settle(force_field, crystal, settings.lattice, report=report)
    turns = rotations(relaxed.configuration)
    if turns is None:
        problems.append(f"without spglib no symmetry was used: all 21 constants are independent; {MEND}")
    form = ElasticForm.of(turns)
    chosen = form.modes()
    strains = settings.strain * np.array(FRACTIONS)
    modes = tuple(MODES[mode] for mode in chosen)
    if relaxed.problem is not None:
        return _without(crystal, settings, problems, form.names, modes, strains)
    cells = [
        deformed(relaxed.configuration, strain_matrix(value * np.eye(6)[mode]))
        for mode in chosen
        for value in strains
    ]
    clamped = np.array([e.stress_gpa for e in evaluate(force_field, cells)]).reshape(len(chosen), -1, 6)
    ends = relax(force_field, cells, settings.relax, report=report)
    failed = {end.problem for end in ends if end.problem is not None}
    stresses = np.array([end.stress_gpa for end in ends]).reshape(len(chosen), -1, 6)
    c_clamped, _, _ = _constants(form, chosen, strains, clamped)
    if failed:
        problems.append(f"ions in strained cells did not relax: {'; '.join(sorted(failed))}")
        return _without(crystal, settings, problems, form.names, modes, strains, c_clamped)
    c, misfit, nonlinearity = _constants(form, chosen, strains, stresses)
    stable = is_stable(c)
    if not stable:
        lowest = float(np.linalg.eigvalsh(c).min())
        problems.append(
            f"the crystal is mechanically unstable: its elastic matrix has the eigenvalue {lowest:.1f} GPa"
        )
    if nonlinearity > NONLINEAR:
        problems.append(
            f"stress is not linear in strain up to {settings.strain:g}: slopes at half of it differ by "
            f"{100 * nonlinearity:.0f} %; lower `strain`"
        )
    return ElasticResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        names=form.names,
        c_gpa=c,
        c_clamped_gpa=c_clamped,
        moduli=Moduli.of(c, stable),
        stable=stable,
        misfit_gpa=misfit,
        modes=modes,
        strains=strains,
        stresses_gpa=stresses,
    )


def _constants(
    form: ElasticForm, modes: list[int], strains: FloatArray, stresses: FloatArray
) -> tuple[FloatArray, float, float]:
    """Tensor (6, 6), misfit in GPa, and the part by which slopes at whole and half strain differ."""
    whole = (stresses[:, 3] - stresses[:, 0]) / (strains[3] - strains[0])
    half = (stresses[:, 2] - stresses[:, 1]) / (strains[2] - strains[1])
    slopes = (4.0 * half - whole) / 3.0
    c, misfit = form.fit(dict(zip(modes, slopes, strict=True)))
    return c, misfit, float(np.abs(whole - half).max() / np.abs(slopes).max())


def _differ(first: float | None, second: float | None) -> bool:
    return first is None or (second is not None and abs(first - second) > 0.05)


def _without(
    crystal: Configuration,
    settings: ElasticSettings,
    problems: list[str],
    names: tuple[str, ...],
    modes: tuple[str, ...],
    strains: FloatArray,
    clamped: FloatArray | None = None,
) -> ElasticResult:
    return ElasticResult(
        crystal=name_of(crystal),
        settings=settings,
        problems=tuple(problems),
        names=names,
        c_gpa=None,
        c_clamped_gpa=clamped,
        moduli=None,
        stable=None,
        misfit_gpa=None,
        modes=modes,
        strains=strains,
        stresses_gpa=np.full((len(modes), len(strains), 6), np.nan),
    )
