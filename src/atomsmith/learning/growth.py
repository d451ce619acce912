"""Fits of a round, with a basis that grows when the evidence asks for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.descriptors import AceSettings
from atomsmith.fitting.fit import FitResult, fit_model
from atomsmith.fitting.rows.kept import KeptFactors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.learning.settings import GrowthSettings


def with_degree(settings: PotentialSettings, degree: float) -> PotentialSettings:
    """Give every ace term this total degree (a list of degrees is shifted so that its largest is it)."""

    def changed(descriptor: object) -> object:
        if not isinstance(descriptor, AceSettings):
            return descriptor
        if isinstance(descriptor.degree, list):
            shift = degree - max(descriptor.degree)
            return descriptor.with_degree([d + shift for d in descriptor.degree])
        return descriptor.with_degree(degree)

    terms = tuple(
        term.model_copy(update={"descriptor": changed(term.descriptor)}) for term in settings.model.terms
    )
    return settings.model_copy(update={"model": settings.model.model_copy(update={"terms": terms})})


def degree_of(settings: PotentialSettings) -> float:
    """Largest total degree of the ace terms; 0 without any."""
    degrees = [
        max(term.descriptor.degrees().values())
        for term in settings.model.terms
        if isinstance(term.descriptor, AceSettings)
    ]
    return float(max(degrees, default=0.0))


def fit_round(
    data: Dataset | Sequence[Configuration],
    settings: PotentialSettings,
    elements: Sequence[int],
    growth: GrowthSettings | None,
    degree: float | None,
    progress: Callable[[int], None] | None = None,
    kept: KeptFactors | None = None,
) -> tuple[FitResult, float]:
    """Fit the data of a round; returns the result and its degree.

    Parameters
    ----------
    data
        Labelled configurations.
    settings, elements
        Potential and order of the species.
    growth
        None keeps the degree of the settings, or leaves it to the data as they do.
    degree
        Degree of the last round, None in the first.
    progress
        Called with the configurations done.
    kept
        Factors of earlier rounds: only new configurations are folded, with the same bits as all of them.
    """
    chosen = settings if growth is None or degree is None else with_degree(settings, degree)
    best = fit_model(data, chosen, elements=elements, kept=kept, progress=progress)
    # The settings that come back also have the degrees and weights that were left to the data.
    settled = PotentialSettings.model_validate(best.potential.metadata["settings"])
    current = degree_of(settled)
    larger = current if growth is None else min(current + growth.step, growth.largest_degree)
    if larger > current:
        changed = with_degree(settings, larger).model_copy(update={"weights": settled.weights})
        other = fit_model(data, changed, elements=elements, kept=kept, progress=progress)
        # Same rows and weights, nested bases, both with a free or held reference energy: evidences compare.
        if other.solution.log_evidence > best.solution.log_evidence:
            return other, larger
    return best, current


def fit_last(
    data: Dataset | Sequence[Configuration],
    settings: PotentialSettings,
    elements: Sequence[int],
    growth: GrowthSettings | None,
    degree: float | None,
    progress: Callable[[int], None] | None = None,
    kept: KeptFactors | None = None,
) -> tuple[FitResult, float]:
    """Fit the data of a run that has ended, robustly if the settings say so; see `fit_round`.

    A robust fit folds all configurations again, which would make every round as long as its data. Evidences
    of fits with weights of their own do not compare, so a basis grows before.
    """
    if growth is not None or settings.robust is None:
        plain = settings.model_copy(update={"robust": None})
        result, degree = fit_round(data, plain, elements, growth, degree, progress, kept)
        if settings.robust is None:
            return result, degree
        settings = with_degree(settings, degree)
    return fit_round(data, settings, elements, None, None, progress, kept)
