"""Symmetry functions for the family `nnp`, chosen from a pool on training data alone.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.families.nnp_functions ELEMENT [--functions 39]

The pool holds Gaussians of three widths at even distances, Gaussians around the atom, and angular functions,
narrow and wide, of several widths, powers and shifts, all in units of the nearest-neighbour distance of the
data. Backward elimination of a linear fit leaves the number wanted: printed as they stand in
``nnp/<ELEMENT>.yaml``, with the root mean square errors of five groups of the training set, each predicted
from the others by a quadratic fit of these functions.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import yaml

from atomsmith import Dataset
from atomsmith.descriptors.symmetry_functions import (
    AngularFunction,
    RadialFunction,
    SymmetryFunctionsSettings,
)
from atomsmith.fitting.cross_validation import cross_validate
from atomsmith.fitting.fit import FitResult, fit_model
from atomsmith.fitting.problem import distances_of
from atomsmith.fitting.settings import FitSettings, PotentialSettings
from atomsmith.fitting.solvers.registry import Elimination, Evidence, Solver
from atomsmith.fitting.weights import KindWeights, Weights
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import LinearSettings, QuadraticSettings
from atomsmith.settings_file import load_settings

HERE = Path(__file__).parent
WEIGHTS = KindWeights(energy=40.0, forces=1.0, virial=0.1)
"""Those of the trainings."""


def pool(nearest: float, cutoff: float) -> SymmetryFunctionsSettings:
    """All candidates; ``nearest`` is the distance of nearest neighbours, both in angstrom."""

    def eta(value: float) -> float:
        return round(value / nearest**2, 4)

    shifts = [round(s * nearest, 4) for s in np.arange(0.75, cutoff / nearest - 0.05, 0.1)]
    radial = [RadialFunction(eta=eta(e), shift=s) for e in (8, 16, 32) for s in shifts]
    radial += [RadialFunction(eta=eta(e)) for e in (0.07, 0.3, 1, 2, 4, 8)]
    powers = [(zeta, sign) for zeta in (1, 2, 4, 8, 16) for sign in (1, -1)]
    angular = [
        AngularFunction(eta=eta(e), sign=sign, zeta=zeta, narrow=narrow)
        for narrow in (True, False)
        for e in (0.07, 0.3, 0.6, 1.2, 2.4)
        for zeta, sign in powers
    ]
    angular += [
        AngularFunction(eta=eta(8), shift=round(s * nearest, 4), sign=sign, zeta=zeta, narrow=False)
        for s in (1.0, 1.3, 1.6)
        for zeta, sign in powers
    ]
    return SymmetryFunctionsSettings(
        kind="symmetry_functions", cutoff=cutoff, radial=tuple(radial), angular=tuple(angular)
    )


def fitted(
    data: Dataset,
    descriptor: SymmetryFunctionsSettings,
    regressor: LinearSettings | QuadraticSettings,
    solver: Solver,
) -> FitResult:
    """Fit one term to forces, energies and virials."""
    settings = PotentialSettings(
        model=ModelSettings(
            terms=(TermSettings(descriptor=descriptor, regressor=regressor),), repulsion=None
        ),
        weights=Weights(energy=WEIGHTS.energy, forces=WEIGHTS.forces, virial=WEIGHTS.virial),
        solver=solver,
        committee=0,
        repulsive_core=False,
    )
    return fit_model(data, settings)


def chosen(data: Dataset, candidates: SymmetryFunctionsSettings, count: int) -> SymmetryFunctionsSettings:
    """The functions that elimination leaves."""
    found = fitted(data, candidates, LinearSettings(), Elimination(functions=count))
    assert candidates.radial is not None
    assert candidates.angular is not None
    n_radial = len(candidates.radial)
    kept = np.flatnonzero(found.solution.coefficients[-n_radial - len(candidates.angular) :])
    return candidates.model_copy(
        update={
            "radial": tuple(candidates.radial[k] for k in kept if k < n_radial),
            "angular": tuple(candidates.angular[k - n_radial] for k in kept if k >= n_radial),
        }
    )


def lines(functions: SymmetryFunctionsSettings) -> str:
    """The lists as they stand in a settings file."""
    shown = functions.model_dump(include={"radial", "angular"}, exclude_none=True, exclude_defaults=True)
    text: str = yaml.safe_dump(shown, sort_keys=False, default_flow_style=None, width=120)
    return text


def main() -> int:
    """Choose and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("element")
    parser.add_argument("--functions", type=int, default=39, help="how many to choose")
    arguments = parser.parse_args()
    settings = load_settings(HERE / "nnp" / f"{arguments.element}.yaml", FitSettings)
    described = settings.model.terms[0].descriptor
    assert isinstance(described, SymmetryFunctionsSettings)
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    data = Dataset.read(folder / f"{arguments.element}_train.xyz.gz")
    nearest = float(distances_of(data, data.elements).first_neighbour[0, 0])
    functions = chosen(data, pool(nearest, described.cutoff), arguments.functions)
    print(lines(functions))
    result = fitted(data, functions, QuadraticSettings(kind="quadratic"), Evidence())
    _, errors = cross_validate(result.factors, WEIGHTS, result.prior, Evidence())
    print(f"# quadratic, held out: {errors.energy:.3f} meV/atom, {errors.forces:.4f} eV/angstrom")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
