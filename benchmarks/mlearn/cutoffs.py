"""Cutoffs judged on the training sets of the mlearn benchmark; all else as in the large model.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.mlearn.cutoffs ELEMENT [CUTOFF ...]

Held-out errors of five folds (see search.py) with 1,200 functions chosen anew without each fold, the score of
search.py with its standard error over the folds, and the log evidence of the large model on all training
data, with virials at a tenth of the weight of forces, so that all cutoffs have the same rows. Without cutoffs
it is that of the defaults.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.data.shells import typical_cutoff
from atomsmith.descriptors import AceSettings
from atomsmith.fitting.cross_validation import leave_group_out
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.factor import merge_factors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.solvers.registry import solve
from atomsmith.fitting.virial_weight import settled_weights
from atomsmith.fitting.weights import KindWeights
from atomsmith.systems import FloatArray
from benchmarks.mlearn.run import settings_of
from benchmarks.mlearn.search import FOLDS, Trials

VIRIAL = 0.1


def with_cutoff(settings: PotentialSettings, cutoff: float) -> PotentialSettings:
    """Settings with another cutoff of the ace."""
    terms = tuple(
        term.model_copy(update={"descriptor": term.descriptor.model_copy(update={"cutoff": cutoff})})
        if isinstance(term.descriptor, AceSettings)
        else term
        for term in settings.model.terms
    )
    return settings.model_copy(update={"model": settings.model.model_copy(update={"terms": terms})})


@single_threaded()
def row(element: str, train: Dataset, cutoff: float) -> str:
    """Line of the table."""
    settings = with_cutoff(settings_of(element), cutoff)
    trials = Trials(train, settings)
    prior = trials.prior(settings)
    weights = settled_weights(trials.factors, settings.weights, prior, settings.solver)
    groups = trials.factors.by_group(KindWeights.of(weights))
    found = trials.unseen_errors(leave_group_out(list(groups.values()), prior, settings.solver).solutions)

    def mae(kind: str, folds: range) -> float:
        errors: list[FloatArray] = [error for fold, error in found[kind] if fold in folds]
        return float(np.abs(np.concatenate(errors)).mean())

    def score(folds: range) -> float:
        return float(np.sqrt(mae("energy", folds) * mae("forces", folds)))

    everything = range(FOLDS)
    by_fold = [score(range(fold, fold + 1)) for fold in everything]
    kinds = KindWeights(energy=KindWeights.of(weights).energy, forces=1.0, virial=VIRIAL)
    whole = merge_factors(list(trials.factors.by_group(kinds).values()))
    return (
        f"| {element} | {cutoff:g} | {mae('energy', everything):.3f} / {mae('forces', everything):.4f} "
        f"| {score(everything):.4f} | {np.std(by_fold, ddof=1) / np.sqrt(FOLDS):.4f} "
        f"| {solve(whole, prior, settings.solver).log_evidence:.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("element")
    parser.add_argument("cutoffs", nargs="*", type=float)
    options = parser.parse_args()
    folder = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    train = Dataset.read(folder / f"{options.element}_train.xyz.gz")
    print("| element | cutoff (angstrom) | energies / forces | score | standard error | log evidence |")
    print("|---|---|---|---|---|---|")
    for cutoff in options.cutoffs or [typical_cutoff(train)]:
        print(row(options.element, train, cutoff), flush=True)


if __name__ == "__main__":
    main()
