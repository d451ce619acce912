"""One trial: fits with some settings, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.assessment.cost import stepping, timed_crystal
from atomsmith.assessment.quantities import QUANTITIES
from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.splitting import k_fold, split_random
from atomsmith.elements import symbol_of
from atomsmith.errors import InputError
from atomsmith.fitting.fit import FitResult, fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.problem import reference_energies
from atomsmith.fitting.settings import FitSettings, ReferenceEnergies
from atomsmith.potential import Potential
from atomsmith.prediction import Prediction
from atomsmith.properties.registry import PROPERTIES
from atomsmith.settings_file import load_settings
from atomsmith.systems import FloatArray
from atomsmith.tuning.settings import KFoldSettings, ScoreSettings, TargetSettings, TuneSettings

Parameters = Mapping[str, Any]
"""Values by key of the search."""

LEAST_DEVIATION = 0.01
"""Added to mean deviations of properties before they are compared: better than 1 % is beyond DFT itself."""


NOTHING = 1.0e-9
"""Part of a composition below which it is rounding."""


class TooSlowError(Exception):
    """The potential costs more than the limit."""


@dataclass(frozen=True)
class Outcome:
    """What a trial found.

    Attributes
    ----------
    errors
        On data that the fits did not see: ``energy`` in meV/atom, ``forces`` in eV/angstrom, ``stress`` in
        GPa; None without such labels.
    properties
        By name; None where one could not be had.
    deviation
        Mean relative deviation of the properties; None without targets.
    us_per_atom, n_functions
        Cost of a step, and size.
    """

    errors: dict[str, float | None]
    properties: dict[str, float | None]
    deviation: float | None
    us_per_atom: float
    n_functions: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    def score(self, baseline: Outcome, settings: ScoreSettings) -> float:
        """Weighted mean of errors and deviations relative to those of a baseline: 1 is as good."""
        terms = [
            (getattr(settings, name), self.errors[name], baseline.errors[name])
            for name in ("energy", "forces", "stress")
        ]
        if self.deviation is not None and baseline.deviation is not None:
            terms.append(
                (
                    settings.properties,
                    self.deviation + LEAST_DEVIATION,
                    baseline.deviation + LEAST_DEVIATION,
                )
            )
        used = [
            (weight, ours / base)
            for weight, ours, base in terms
            if weight > 0.0 and ours is not None and base
        ]
        if not used:
            raise InputError("no label of the training data has a weight in 'score'; give it one.")
        total = sum(weight for weight, _ in used)
        return float(sum(weight * ratio for weight, ratio in used) / total)


class Bench:
    """Training data and what does not change from trial to trial.

    Parameters
    ----------
    settings
        Of the search.

    Raises
    ------
    InputError
        If data, settings or crystal cannot be read.
    """

    def __init__(self, settings: TuneSettings) -> None:
        self.settings = settings
        start = load_settings(settings.fit_file, FitSettings)
        for key, allowed in settings.search.items():
            for value in allowed.values or allowed.ends:
                self.fit_settings({key: value})  # a slip shall not cost a search
        self.train = training_data(start)
        self.folds = folds_of(self.train, settings, start.reference_energies)
        self.crystal = None if settings.targets is None else settings.targets.crystal.build()
        _require_known(self.crystal, self.train, settings.fit_file)
        largest = max(self.train, key=len)
        self.timed = timed_crystal(self.crystal or largest.without_labels(), settings.cost.atoms)

    def fit_settings(self, parameters: Parameters) -> FitSettings:
        """Settings of a fit with some parameters.

        Raises
        ------
        InputError
            If a key does not exist or a value is refused.
        """
        return load_settings(self.settings.fit_file, FitSettings, self.assignments(parameters), "search:")

    def assignments(self, parameters: Parameters) -> list[str]:
        """Texts KEY=VALUE of parameters, and of the keys that follow them."""
        return [
            f"{one}={_text(value)}"
            for key, value in parameters.items()
            for one in (key, *self.settings.search[key].also)
        ]

    def attempt(self, parameters: Parameters) -> Outcome:
        """Fit to each training part, and judge on the part that was held out.

        Raises
        ------
        InputError
            If the settings cannot be fitted.
        TooSlowError
            If the potential costs more than the limit.
        """
        fit = self.fit_settings(parameters).model_copy(update={"committee": 0})
        predictions: list[Prediction] = []
        cost: float | None = None
        for train, held_out in self.folds:
            potential = fit_model(train, fit, elements=self.train.elements).potential
            cost = self._cost(potential) if cost is None else cost
            predictions.append(potential.predict(held_out))
        assert cost is not None
        judges = [configuration for _, held_out in self.folds for configuration in held_out]
        total = errors(judges, Prediction.joined(predictions)).total
        found = {name: getattr(total, name) for name in ("energy", "forces", "stress")}
        statistic = self.settings.score.statistic
        unseen = {name: None if one is None else getattr(one, statistic) for name, one in found.items()}
        properties: dict[str, float | None] = {}
        deviation = None
        if self.settings.targets is not None:
            potential = fit_model(self.train, fit).potential
            properties = self._properties(potential, self.settings.targets)
            deviation = _mean_deviation(properties, self.settings.targets.values)
        return Outcome(unseen, properties, deviation, cost, potential.n_functions)

    def final(self, parameters: Parameters) -> FitResult:
        """Fit to all training data, with everything that the settings ask for."""
        return fit_model(self.train, self.fit_settings(parameters))

    def _cost(self, potential: Potential) -> float:
        limit = self.settings.cost.limit_us_per_atom
        found = stepping(potential.evaluator(skin=0.5), self.timed, self.settings.cost.repeats)
        if limit is not None and found > limit:
            raise TooSlowError(f"{found:.3g} us/atom, above the limit of {limit:g}")
        return found

    def _properties(self, potential: Potential, targets: TargetSettings) -> dict[str, float | None]:
        assert self.crystal is not None
        found: dict[str, float | None] = {}
        done: dict[str, dict[str, Any]] = {}
        for name in targets.values:
            quantity = QUANTITIES[name]
            if quantity.property not in done:
                compute = PROPERTIES[quantity.property].compute
                result = compute(
                    potential.evaluator(skin=0.5), self.crystal, getattr(targets, quantity.property)
                )
                done[quantity.property] = result.to_dict()
            found[name] = quantity.find(done[quantity.property])
        return found


def _require_known(crystal: Configuration | None, train: Dataset, place: Path) -> None:
    """Refuse a crystal of elements that the potential will not know."""
    missing = [] if crystal is None else [symbol_of(z) for z in crystal.elements if z not in train.elements]
    if missing:
        raise InputError(
            f"targets.crystal holds {', '.join(missing)}, which the training data of {place} do not; give a "
            f"crystal of {', '.join(map(symbol_of, train.elements))}, or other data."
        )


FAILED_DEVIATION = 1.0
"""Relative deviation that counts for a property that could not be had, as of an unstable crystal."""


def _mean_deviation(found: Mapping[str, float | None], right: Mapping[str, float]) -> float:
    off = [
        FAILED_DEVIATION if value is None else abs(value - right[name]) / abs(right[name])
        for name, value in found.items()
    ]
    return float(np.mean(off))


def training_data(fit: FitSettings) -> Dataset:
    """Read the training data of a fit as `atomsmith fit` would; what it splits off is not looked at.

    Raises
    ------
    InputError
        If the files cannot be read, or nothing is left.
    """
    train = Dataset.read(
        fit.data.train if isinstance(fit.data.train, Path) else list(fit.data.train), fit.data.labels
    )
    if fit.data.split is not None:
        train, _ = train.split(fit.data.split)
    if fit.data.filter is not None:
        train = train.filter(fit.data.filter).kept
    if not len(train):
        raise InputError("data.train holds no configuration to fit.")
    return train.without_lone_elements()


def folds_of(
    train: Dataset, settings: TuneSettings, energies: ReferenceEnergies
) -> list[tuple[Dataset, Dataset]]:
    """Pairs of a part to fit and a part to judge by.

    Raises
    ------
    InputError
        If nothing is held out, or nothing of it that a fit to the others predicts.
    """
    chosen = settings.validation
    if isinstance(chosen, KFoldSettings):
        folds = k_fold(train, chosen.folds, chosen.seed)
    else:
        folds = [split_random(train, chosen.fraction, chosen.seed)]
        if not len(folds[0][1]):
            raise InputError(
                f"validation.fraction is {chosen.fraction}, of which {len(train)} configurations leave none "
                "to judge by; give more, or take k_fold."
            )
    _, known = reference_energies(train, train.elements, energies)
    folds = [(fitted, predictable(held_out, fitted, known)) for fitted, held_out in folds]
    if not all(len(held_out) for _, held_out in folds):
        raise InputError(
            "validation: a part of the training data holds nothing but elements that no other part does, so "
            "that fits to the others cannot predict it; give more data, or another seed."
        )
    return folds


def predictable(held_out: Dataset, fitted: Dataset, known: bool) -> Dataset:
    """What of configurations held out a fit to others can predict.

    Nothing of those with an element that it has not seen. And where reference energies are fitted, not
    ``known``, no energies of compositions that its own do not combine to: what they say of the reference
    energies is said by them alone.
    """
    seen = set(fitted.elements)
    kept = [c for c in held_out if seen.issuperset(c.elements)]
    if known:
        return Dataset(kept)
    told = _compositions([c for c in fitted if c.energy is not None], fitted.elements)
    _, sizes, directions = np.linalg.svd(told, full_matrices=False)
    directions = directions[sizes > NOTHING * sizes.max(initial=1.0)]
    own = _compositions(kept, fitted.elements)
    new = np.linalg.norm(own - own @ directions.T @ directions, axis=1) > NOTHING
    return Dataset(c.replace(energy=None) if alone else c for c, alone in zip(kept, new, strict=True))


def _compositions(configurations: Sequence[Configuration], elements: Sequence[int]) -> FloatArray:
    """Shares of the elements in the atoms, shape (C, elements)."""
    counts = [[np.count_nonzero(c.numbers == z) for z in elements] for c in configurations]
    shares: FloatArray = np.reshape(np.asarray(counts, dtype=np.float64), (-1, len(elements)))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"  # more digits only look precise
    return str(value).lower() if isinstance(value, bool) else str(value)
