"""Settings of a sampling run, and the same as one array a quantity for a batch of walkers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from atomsmith.errors import InputError
from atomsmith.sampling.bias import BiasSettings, scheduled_tau_rel
from atomsmith.sampling.guards import GuardSettings
from atomsmith.sampling.moves import CellMoveSettings, SwapSettings
from atomsmith.sampling.ramps import Ramp, RampOrConstant, ramp_value
from atomsmith.sampling.trigger import Knowledge, TriggerSettings
from atomsmith.settings import Settings
from atomsmith.systems import BoolArray, FloatArray


class SamplingSettings(Settings):
    """How a walker moves, what biases it and when it stops."""

    ensemble: Literal["nvt", "nve"] = Field(
        default="nvt", description="nvt: Langevin dynamics (BAOAB); nve: velocity Verlet."
    )
    timestep_fs: float = Field(default=1.0, gt=0.0, le=100.0, description="Time step in fs.")
    temperature_k: RampOrConstant = Field(
        default=Ramp(start=300.0, end=300.0),
        description="Temperature in K: a number, or a ramp (start, end, steps).",
    )
    friction_per_fs: float = Field(
        default=0.01,
        ge=0.0,
        description="Friction of the Langevin thermostat in 1/fs; 0.01 couples within 100 fs.",
    )
    pressure_gpa: RampOrConstant | None = Field(
        default=None, description="Pressure in GPa for cell moves, a number or a ramp; null keeps the cell."
    )
    cell_moves: CellMoveSettings = Field(
        default=CellMoveSettings(), description="Monte Carlo moves of the cell, made if there is a pressure."
    )
    swap_moves: SwapSettings | None = Field(
        default=None, description="Exchanges of elements; null makes none."
    )
    fix_centre_of_mass: bool = Field(
        default=True,
        description="Keep the centre of mass at rest; false where an outer field acts on the atoms.",
    )
    max_steps: int = Field(default=2000, ge=1, description="Steps after which a walker stops.")
    random_length: bool = Field(
        default=False,
        description="Stop at a step drawn uniformly from 1 to `max_steps`: with trigger and bias null this "
        "is random selection.",
    )
    bias: BiasSettings | None = Field(
        default=BiasSettings(),
        description="The uncertainty bias; null, or tau_rel 0, is plain active learning.",
    )
    trigger: TriggerSettings | None = Field(
        default=TriggerSettings(),
        description="The uncertainty at which a walker stops for a label; null is never.",
    )
    check_every: int = Field(
        default=1,
        ge=1,
        description="Steps between evaluations of the members' forces for the trigger, and updates of the "
        "bias. Such a step evaluates every member, any other makes one plain or biased prediction; a larger "
        "number saves that cost and lets an uncertain configuration run on for up to as many steps.",
    )
    guards: GuardSettings = Field(default=GuardSettings(), description="Limits of sanity.")
    record_every: int = Field(default=10, ge=1, description="Steps between rows of the trace.")

    @model_validator(mode="after")
    def _physical(self) -> SamplingSettings:
        if self.temperature_k.start < 0.0 or self.temperature_k.end < 0.0:
            raise ValueError(
                f"temperature_k goes from {self.temperature_k.start} to {self.temperature_k.end} K, "
                "expected no negative value"
            )
        return self

    @property
    def biased(self) -> bool:
        """Whether there is a bias at all."""
        return self.bias is not None and self.bias.tau_rel > 0.0


_NO_RAMP = Ramp.model_construct(start=np.nan, end=np.nan, steps=None)  # NaN is nothing that a file may hold


@dataclass(frozen=True, eq=False)
class Parameters:
    """What may differ from walker to walker, one array of shape (S,) for each; NaN switches a thing off."""

    timestep_fs: FloatArray
    friction_per_fs: FloatArray
    temperature_start: FloatArray
    temperature_end: FloatArray
    temperature_steps: FloatArray
    pressure_start: FloatArray
    pressure_end: FloatArray
    pressure_steps: FloatArray
    max_steps: NDArray[np.int64]
    random_length: NDArray[np.bool_]
    tau_rel: FloatArray
    mixing: FloatArray
    burn_in: FloatArray
    ramp: FloatArray
    tolerance: FloatArray
    largest_grade: FloatArray
    epsilon: FloatArray
    spread: FloatArray
    unseen: BoolArray
    minimum_steps: NDArray[np.int64]
    temperature_factor: FloatArray
    energy_change: FloatArray
    shortest_distance: FloatArray
    strain_step: FloatArray

    @classmethod
    def of(cls, settings: Sequence[SamplingSettings], knowledge: Knowledge | None = None) -> Parameters:
        """Gather the settings of each walker; some defaults follow what the fit knows."""
        knowledge = knowledge or Knowledge()

        def column(value: Callable[[SamplingSettings], float | None]) -> FloatArray:
            return np.array([value(one) for one in settings], dtype=np.float64)

        temperature = [one.temperature_k for one in settings]
        pressure = [one.pressure_gpa or _NO_RAMP for one in settings]
        bias = [one.bias or BiasSettings(tau_rel=0.0) for one in settings]
        trigger = [one.trigger or TriggerSettings() for one in settings]
        lengths = [one.max_steps for one in settings]
        return cls(
            timestep_fs=column(lambda one: one.timestep_fs),
            friction_per_fs=column(lambda one: one.friction_per_fs),
            temperature_start=np.array([ramp.start for ramp in temperature]),
            temperature_end=np.array([ramp.end for ramp in temperature]),
            temperature_steps=_ramp_steps(temperature, lengths),
            pressure_start=np.array([ramp.start for ramp in pressure]),
            pressure_end=np.array([ramp.end for ramp in pressure]),
            pressure_steps=_ramp_steps(pressure, lengths),
            max_steps=np.array(lengths, dtype=np.int64),
            random_length=np.array([one.random_length for one in settings]),
            tau_rel=np.array([one.tau_rel for one in bias]),
            mixing=np.array(
                [min(1.0, one.check_every / b.window_steps) for one, b in zip(settings, bias, strict=True)]
            ),
            burn_in=np.array([float(one.burn_in_steps) for one in bias]),
            ramp=np.array([float(one.ramp_steps) for one in bias]),
            # A walker without a trigger may move beside walkers that have one.
            tolerance=np.array(
                [np.inf if one.trigger is None else one.trigger.tolerance for one in settings]
            ),
            largest_grade=np.array(
                [
                    np.inf
                    if one.trigger is None or one.trigger.largest_grade is None
                    else one.trigger.largest_grade
                    for one in settings
                ]
            ),
            epsilon=np.array([knowledge.epsilon(one) for one in trigger]),
            spread=np.array([knowledge.spread(one) for one in trigger]),
            unseen=np.array([one.trigger is not None and one.trigger.unseen_distances for one in settings]),
            minimum_steps=np.array([one.minimum_steps for one in trigger], dtype=np.int64),
            temperature_factor=column(lambda one: one.guards.temperature_factor),
            energy_change=column(lambda one: one.guards.energy_change_ev_per_atom),
            shortest_distance=np.nan_to_num(column(lambda one: one.guards.shortest_distance_angstrom)),
            strain_step=column(lambda one: one.cell_moves.strain_step),
        )

    def take(self, index: NDArray[np.int64]) -> Parameters:
        """Parameters of the given walkers."""
        return Parameters(**{f.name: getattr(self, f.name)[index] for f in dataclasses.fields(self)})

    def temperature(self, step: NDArray[np.int64]) -> FloatArray:
        """Target temperatures in K at a step, shape (S,)."""
        return ramp_value(self.temperature_start, self.temperature_end, self.temperature_steps, step)

    def pressure_gpa(self, step: NDArray[np.int64]) -> FloatArray:
        """Target pressures in GPa at a step, shape (S,); NaN where the cell is kept."""
        return ramp_value(self.pressure_start, self.pressure_end, self.pressure_steps, step)

    def relative_bias(self, step: NDArray[np.int64]) -> FloatArray:
        """tau_rel at a step, burn-in and rise included, shape (S,)."""
        return scheduled_tau_rel(self.tau_rel, self.burn_in, self.ramp, step)


def common_settings(settings: Sequence[SamplingSettings]) -> SamplingSettings:
    """Return the settings that hold for a batch, after checking that they agree where they must.

    Walkers without a bias, or without a trigger, may be advanced together with others that have them.

    Raises
    ------
    InputError
        If walkers of one batch differ in what is done at which step.
    """
    first = settings[0]
    triggers = [one.trigger for one in settings if one.trigger is not None]
    biases = [one.bias for one in settings if one.bias is not None and one.biased]
    first = first.model_copy(
        update={"trigger": triggers[0] if triggers else None, "bias": biases[0] if biases else None}
    )
    rules: dict[str, Callable[[SamplingSettings], object]] = {
        "ensemble": lambda one: one.ensemble,
        "fix_centre_of_mass": lambda one: one.fix_centre_of_mass,
        "check_every": lambda one: one.check_every,
        "record_every": lambda one: one.record_every,
        "guards.distance_every": lambda one: one.guards.distance_every,
        "swap_moves": lambda one: one.swap_moves,
        "cell_moves (other than strain_step)": lambda one: one.cell_moves.model_copy(
            update={"strain_step": 0.0}
        ),
        "trigger.reduction": lambda one: (one.trigger or first.trigger or TriggerSettings()).reduction,
        "bias.uncertainty": lambda one: _acting(one.bias, first.bias).uncertainty,
    }
    for name, rule in rules.items():
        for walker, one in enumerate(settings):
            if rule(one) != rule(first):
                raise InputError(
                    f"walkers 0 and {walker} differ in {name}; walkers advanced together must agree in it, "
                    "run them in separate batches."
                )
    return first


def _acting(bias: BiasSettings | None, other: BiasSettings | None) -> BiasSettings:
    """The bias if it acts, else the other one."""
    return bias if bias is not None and bias.tau_rel > 0.0 else other or BiasSettings()


def _ramp_steps(ramps: Sequence[Ramp], lengths: Sequence[int]) -> FloatArray:
    return np.array(
        [
            float(length if ramp.steps is None else ramp.steps)
            for ramp, length in zip(ramps, lengths, strict=True)
        ]
    )
