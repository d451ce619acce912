"""Spaces and samplers for Optuna; differential evolution, which Optuna does not have, is here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.errors import InputError
from atomsmith.systems import FloatArray
from atomsmith.tuning.settings import KeySettings, SamplerSettings

if TYPE_CHECKING:
    from optuna.trial import Trial

MEND = "pip install 'atomsmith[tune]'"

Space = Mapping[str, KeySettings]


def load_optuna() -> Any:
    """Import Optuna and silence its log.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise InputError(
            f"`atomsmith tune` needs Optuna, which is not installed ({error}): {MEND}"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def suggest(trial: Trial, space: Space) -> dict[str, Any]:
    """Values of all keys for a trial."""
    found: dict[str, Any] = {}
    for key, allowed in space.items():
        if allowed.values is not None:
            found[key] = trial.suggest_categorical(key, list(allowed.values))
            continue
        low, high = allowed.ends
        if allowed.whole:
            found[key] = trial.suggest_int(key, int(low), int(high), log=allowed.log)
        else:
            found[key] = trial.suggest_float(key, low, high, log=allowed.log)
    return found


def grid(space: Space) -> dict[str, list[Any]]:
    """Values of each key on a grid."""
    values: dict[str, list[Any]] = {}
    for key, allowed in space.items():
        if allowed.values is not None:
            values[key] = list(allowed.values)
            continue
        spaced = np.geomspace if allowed.log else np.linspace
        points = spaced(*allowed.ends, allowed.points)
        points[[0, -1]] = allowed.ends
        values[key] = (
            sorted({round(p) for p in points}) if allowed.whole else [float(f"{p:.10g}") for p in points]
        )
    return values


def make_sampler(settings: SamplerSettings, space: Space, worker: int, stored: int = 0) -> Any:
    """Return the Optuna sampler of the settings; workers differ in their seeds.

    So do searches that go on from ``stored`` trials: with the same seed they would propose again what they
    have tried.

    Raises
    ------
    InputError
        If the sampler needs a package that is not installed.
    """
    optuna = load_optuna()
    entropy = np.random.SeedSequence([settings.seed, worker, stored])
    seed = int(entropy.generate_state(1)[0])
    match settings.kind:
        case "grid":
            return optuna.samplers.GridSampler(grid(space), seed=settings.seed)
        case "random":
            return optuna.samplers.RandomSampler(seed=seed)
        case "differential_evolution":
            return differential_evolution(settings.population, seed)
        case "cma_es":
            try:
                import cmaes  # noqa: F401
            except ImportError as error:
                raise InputError(
                    f"sampler cma_es needs the package cmaes, which is not installed ({error}): {MEND}"
                ) from error
            return optuna.samplers.CmaEsSampler(
                seed=seed, n_startup_trials=settings.population, popsize=settings.population
            )
        case _:
            return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)


SLOT = "atomsmith:slot"
"""Attribute of a trial: the member of the population that it challenges."""
WEIGHT, CROSSOVER = 0.7, 0.9
"""F and CR of Storn and Price, J. Global Optim. 11, 341 (1997)."""


def differential_evolution(population: int, seed: int) -> Any:
    """Make a sampler of the scheme rand/1/bin, whose whole state is in the trials, so that it resumes.

    Each trial challenges one member of the population, and takes its place if it is better. Values lie on
    the unit interval of their range (of its logarithm), whole numbers and choices are rounded.
    """
    optuna = load_optuna()

    class DifferentialEvolution(optuna.samplers.BaseSampler):  # type: ignore[misc,name-defined]
        """See above."""

        def __init__(self) -> None:
            self._rng = np.random.default_rng(seed)
            self._random = optuna.samplers.RandomSampler(seed=seed)

        def reseed_rng(self) -> None:
            """Begin other random numbers."""
            self._rng = np.random.default_rng()
            self._random.reseed_rng()

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            """Space in which all finished trials lie."""
            space: dict[str, Any] = optuna.search_space.intersection_search_space(
                study.get_trials(deepcopy=False)
            )
            return {name: one for name, one in space.items() if not one.single()}

        def sample_relative(self, study: Any, trial: Any, search_space: dict[str, Any]) -> dict[str, Any]:
            """Propose a challenger; nothing while the first population is not complete."""
            slot = trial.number % population
            study._storage.set_trial_system_attr(trial._trial_id, SLOT, slot)
            members = _members(study, search_space)
            if slot not in members or len(members) < 4 or not search_space:
                return {}
            others = [members[k] for k in sorted(members) if k != slot]
            chosen = self._rng.choice(len(others), 3, replace=False)
            challenger = crossed(members[slot], [others[k] for k in chosen], self._rng)
            return {
                name: _from_unit(value, one)
                for value, (name, one) in zip(challenger, sorted(search_space.items()), strict=True)
            }

        def sample_independent(self, study: Any, trial: Any, name: str, distribution: Any) -> Any:
            """Draw at random: the first population."""
            return self._random.sample_independent(study, trial, name, distribution)

    def _members(study: Any, space: dict[str, Any]) -> dict[int, FloatArray]:
        best: dict[int, tuple[float, FloatArray]] = {}
        for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
            slot = trial.system_attrs.get(SLOT)
            if slot is None or any(name not in trial.params for name in space):
                continue
            if slot not in best or trial.value < best[slot][0]:
                unit = [_to_unit(trial.params[name], one) for name, one in sorted(space.items())]
                best[slot] = trial.value, np.array(unit)
        return {slot: unit for slot, (_, unit) in best.items()}

    return DifferentialEvolution()


def crossed(target: FloatArray, others: Sequence[FloatArray], rng: np.random.Generator) -> FloatArray:
    """Challenger of a member: a + F (b - c), of which it keeps some components; reflected at the ends."""
    a, b, c = others
    mutant = np.abs(a + WEIGHT * (b - c))
    mutant = 1.0 - np.abs(1.0 - mutant % 2.0)
    taken = rng.random(len(target)) < CROSSOVER
    taken[rng.integers(len(target))] = True
    challenger: FloatArray = np.where(taken, mutant, target)
    return challenger


def _to_unit(value: Any, distribution: Any) -> float:
    if hasattr(distribution, "choices"):
        return (list(distribution.choices).index(value) + 0.5) / len(distribution.choices)
    low, high = float(distribution.low), float(distribution.high)
    if distribution.log:
        return float(np.log(value / low) / np.log(high / low))
    return float((value - low) / (high - low))


def _from_unit(unit: float, distribution: Any) -> Any:
    if hasattr(distribution, "choices"):
        count = len(distribution.choices)
        return distribution.choices[min(int(unit * count), count - 1)]
    low, high = float(distribution.low), float(distribution.high)
    value = low * (high / low) ** unit if distribution.log else low + unit * (high - low)
    value = min(max(float(value), low), high)
    return round(value) if isinstance(distribution.low, int) else value
