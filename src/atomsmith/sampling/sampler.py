"""The sampler: all walkers advance together, one force call a step, until each has its reason to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from atomsmith.errors import InputError
from atomsmith.prediction import ForceField, UncertainForceField
from atomsmith.sampling.batch import Batch, Heat, frozen, prepared
from atomsmith.sampling.bias import TauState, updated_tau
from atomsmith.sampling.metropolis import cell_move, swap_move
from atomsmith.sampling.settings import Parameters, SamplingSettings, common_settings
from atomsmith.sampling.state import RUNNING, STOP_REASONS, StopReason, Walkers
from atomsmith.sampling.streams import pack_streams
from atomsmith.sampling.surface import Details, Surface, evaluate, evaluate_details, uncertain
from atomsmith.sampling.trace import TRACE, Recorder, Trace
from atomsmith.sampling.trigger import Knowledge, largest_uncertainty, relative_force_uncertainty
from atomsmith.sampling.units import GPA
from atomsmith.systems import BoolArray, FloatArray, Systems


@dataclass(frozen=True)
class Progress:
    """How far a run is; handed to ``on_progress`` whenever a row is recorded."""

    step: int
    max_steps: int
    n_walkers: int
    n_active: int
    temperature_k: float
    uncertainty: float
    seconds: float


@dataclass(frozen=True, eq=False)
class SamplingResult:
    """The walkers at their ends, the trace of this run and where its time went (seconds)."""

    walkers: Walkers
    trace: Trace
    seconds: float
    seconds_in_force_field: float


OnRecord = Callable[[Trace, Walkers], None]
OnCheckpoint = Callable[[Walkers, Trace], None]
OnProgress = Callable[[Progress], None]


def run(
    walkers: Walkers,
    force_field: ForceField | UncertainForceField,
    settings: SamplingSettings | Sequence[SamplingSettings],
    *,
    knowledge: Knowledge | None = None,
    on_record: OnRecord | None = None,
    on_checkpoint: OnCheckpoint | None = None,
    checkpoint_every: int = 1000,
    on_progress: OnProgress | None = None,
) -> SamplingResult:
    """Advance all active walkers together until every one has stopped.

    A walker's path depends on its start, its settings and its random stream, not on its company in the batch,
    and a run that goes on from a checkpoint gives the same bits as one that was never interrupted (as far as
    the force field does).

    Parameters
    ----------
    walkers
        The batch; walkers that have stopped already are left alone. Active ones must be at the same step.
    force_field
        Needs its uncertainty (`UncertainForceField`) when there is a bias or a trigger.
    settings
        For all walkers, or one for each; see `common_settings` for what must agree within a batch.
    knowledge
        What the fit behind the force field knows besides; the trigger uses it.
    on_record
        Called with new rows of the trace and the walkers they describe, one for each row.
    on_checkpoint
        Called every ``checkpoint_every`` steps with the whole batch and the rows since the last call.
    checkpoint_every
        Steps between checkpoints.
    on_progress
        Called at every record.

    Raises
    ------
    InputError
        If settings of walkers contradict each other or the system, or the force field has no uncertainty.
    """
    each = [settings] * walkers.n_walkers if isinstance(settings, SamplingSettings) else list(settings)
    if len(each) != walkers.n_walkers:
        raise InputError(f"{len(each)} settings for {walkers.n_walkers} walkers; give one, or one for each.")
    if walkers.n_walkers == 0:
        raise InputError("there are no walkers to run; give at least one start.")
    if checkpoint_every < 1:
        raise InputError(f"checkpoint_every is {checkpoint_every}; it must be at least 1 step.")
    common = common_settings(each)
    knowledge = knowledge or Knowledge()
    parameters = Parameters.of(each, knowledge)
    state = prepared(walkers, parameters, common)
    sampler = _Run(state, force_field, common, parameters, knowledge, on_record)
    sampler.start()
    while len(sampler.batch.index) > 0:
        sampler.advance()
        if on_checkpoint is not None and sampler.step_number % checkpoint_every == 0:
            on_checkpoint(sampler.everyone(), sampler.recorder.new())
        if on_progress is not None and sampler.due(common.record_every):
            on_progress(sampler.progress())
    return SamplingResult(
        walkers=sampler.everyone(),
        trace=sampler.recorder.all(),
        seconds=time.perf_counter() - sampler.started,
        seconds_in_force_field=sampler.force_seconds,
    )


@dataclass(frozen=True, eq=False)
class _Close:
    """Walkers with atoms closer than the guard allows, and closer than any data reach, shape (S,) each."""

    clash: BoolArray
    unseen: BoolArray

    @property
    def any(self) -> bool:
        return bool(self.clash.any() or self.unseen.any())


class _Run:
    """A run under way: the whole batch, the part of it that still moves, and the rows written."""

    def __init__(
        self,
        walkers: Walkers,
        force_field: ForceField | UncertainForceField,
        settings: SamplingSettings,
        parameters: Parameters,
        knowledge: Knowledge,
        on_record: OnRecord | None,
    ) -> None:
        self.started = time.perf_counter()
        self.force_seconds = 0.0
        self.force_field = force_field
        self.settings = settings
        self.bias = settings.bias.uncertainty if settings.bias is not None and settings.biased else None
        self.triggered = settings.trigger is not None
        if self.bias is not None or self.triggered:
            uncertain(force_field)
        self.graded = bool(np.isfinite(parameters.largest_grade).any())
        if self.graded and knowledge.grade is None:
            raise InputError(
                "sampling.trigger.largest_grade needs a potential that remembers its data; fit it with "
                "potential.extrapolation: {kind: maxvol}, or ranges."
            )
        self.parameters, self.knowledge = parameters, knowledge
        self.on_record = on_record
        self.recorder = Recorder()
        self.whole = walkers
        self.batch = Batch.of(walkers, np.flatnonzero(walkers.active), settings, parameters, knowledge)
        self.live = walkers.take(self.batch.index)
        self.step_number = int(self.live.step[0]) if self.live.n_walkers else 0
        if np.any(self.live.step != self.step_number):
            raise InputError("active walkers are at different steps; run them in separate batches.")

    def due(self, every: int) -> bool:
        return self.step_number % every == 0

    def everyone(self) -> Walkers:
        """The whole batch as it is now."""
        if len(self.batch.index) == 0:
            return self.whole
        live = self.live.replace(streams=pack_streams(self.batch.generators))
        return self.whole.put(self.batch.index, live)

    def start(self) -> None:
        """Evaluate walkers that come without forces and judge their starts; a resumed run has them."""
        if bool(self.live.evaluated.all()):
            return
        live = self.live
        surface, changes = self.evaluated_surface(live.systems, live.step)
        fresh = np.isnan(live.start_energy)
        self.live = live.replace(
            **surface._asdict(),
            **changes,
            evaluated=np.ones(live.n_walkers, dtype=np.bool_),
            start_energy=np.where(fresh, surface.energy, live.start_energy),
        )
        kinetic = self.batch.propagator.kinetic_energy(live.velocities)
        heat = self.batch.heat(live.step)
        self.judge(self.live, kinetic, heat, self.stop_codes(kinetic, heat, self.too_close()))

    def advance(self) -> None:
        """One step of dynamics for all, its judgement, and the Monte Carlo moves of those that go on."""
        before, batch = self.live, self.batch
        self.step_number += 1
        step = before.step + 1
        heat = batch.heat(step)
        positions, halfway = batch.propagator.advance(
            before.systems.positions, before.velocities, before.forces, batch.noise(heat)
        )
        systems = before.systems.replace(positions=positions)
        surface, changes = self.evaluated_surface(systems, step)
        velocities = batch.propagator.finish(halfway, surface.forces)
        self.live = before.replace(
            systems=systems,
            step=step,
            time_fs=before.time_fs + batch.parameters.timestep_fs,
            velocities=velocities,
            energy=surface.energy,
            sigma=surface.sigma,
            forces=surface.forces,
            virial=surface.virial,
            **changes,
        )
        kinetic = batch.propagator.kinetic_energy(velocities)
        close = self.too_close()
        codes = None if self.calm(kinetic, heat, close) else self.stop_codes(kinetic, heat, close)
        self.judge(before, kinetic, heat, codes)
        if self.live.n_walkers:
            self.monte_carlo()

    def evaluated_surface(
        self, systems: Systems, step: NDArray[np.int64]
    ) -> tuple[Surface, dict[str, FloatArray]]:
        """Forces at new positions; at a check also what is new about uncertainty and bias."""
        began = time.perf_counter()
        if not self.checking():
            surface = evaluate(self.force_field, systems, self.bias, self.live.tau)
            self.force_seconds += time.perf_counter() - began
            return surface, {}
        details = evaluate_details(
            uncertain(self.force_field), systems, self.batch.layout, self.bias, self.triggered
        )
        self.force_seconds += time.perf_counter() - began
        changes = self.updated_uncertainty(systems, step, details)
        return details.surface(changes.get("tau", self.live.tau), self.batch.layout), changes

    def checking(self) -> bool:
        """Whether this step looks at the uncertainty."""
        return (self.triggered or self.bias is not None) and self.due(self.settings.check_every)

    def updated_uncertainty(
        self, systems: Systems, step: NDArray[np.int64], details: Details
    ) -> dict[str, FloatArray]:
        """Fields of the walkers that a check changes: uncertainty, and the controller of the bias."""
        walkers, layout, parameters = self.live, self.batch.layout, self.batch.parameters
        changes: dict[str, FloatArray] = {}
        if details.members is not None and self.settings.trigger is not None:
            relative = relative_force_uncertainty(
                details.mean.forces, details.members.forces, layout.spread(parameters.epsilon)
            )
            relative = relative * layout.spread(parameters.spread)
            changes["uncertainty"] = largest_uncertainty(relative, layout, self.settings.trigger.reduction)
        if self.graded and self.knowledge.grade is not None:
            changes["grade"] = self.knowledge.grade(systems)
        if details.derivatives is not None:
            controller = updated_tau(
                TauState(walkers.tau, walkers.mean_force, walkers.mean_gradient),
                details.mean.forces,
                details.derivatives.gradient,
                layout,
                parameters.relative_bias(step),
                parameters.mixing,
            )
            changes["tau"] = controller.tau
            changes["mean_force"] = controller.mean_force
            changes["mean_gradient"] = controller.mean_gradient
        return changes

    def judge(self, before: Walkers, kinetic: FloatArray, heat: Heat, codes: NDArray[np.int8] | None) -> None:
        """Record what is due and freeze the walkers that have a reason to stop; codes None is nobody."""
        recording = self.due(self.settings.record_every)
        if codes is None:
            if not recording:
                return
            codes = np.full(self.live.n_walkers, RUNNING, dtype=np.int8)
        stopped = codes != RUNNING
        if recording or stopped.any():
            rows = self.rows(kinetic, heat, codes)
            self.recorder.append(rows if recording else rows[stopped])
            if self.on_record is not None:
                shown = np.arange(len(rows)) if recording else np.flatnonzero(stopped)
                self.on_record(rows[shown], self.live.take(shown))
        if stopped.any():
            self.freeze(before, codes)

    def too_close(self) -> _Close | None:
        """Walkers with atoms too close; None at steps that do not look."""
        if not self.due(self.settings.guards.distance_every):
            return None
        live, batch = self.live, self.batch
        late = live.step >= batch.parameters.minimum_steps
        return _Close(
            clash=batch.distances.too_close(live.systems), unseen=late & batch.unseen.too_close(live.systems)
        )

    def calm(self, kinetic: FloatArray, heat: Heat, close: _Close | None) -> bool:
        """Whether no walker has a reason to stop: the usual case, found with few operations.

        Written so that a NaN is not calm; forces that are not finite have just spoilt the velocities.
        """
        live, batch = self.live, self.batch
        if self.step_number >= batch.first_limit or (close is not None and close.any):
            return False
        quiet = (np.abs(live.energy - live.start_energy) <= batch.energy_change) & (
            kinetic <= heat.kinetic_limit
        )
        if self.triggered and self.checking():
            quiet &= live.uncertainty <= batch.parameters.tolerance
            if self.graded:
                quiet &= live.grade <= batch.parameters.largest_grade
        return bool(quiet.all())

    def stop_codes(self, kinetic: FloatArray, heat: Heat, close: _Close | None) -> NDArray[np.int8]:
        """Reason of each live walker to stop, later ones here outranking earlier ones."""
        live, parameters = self.live, self.batch.parameters
        reasons: list[tuple[StopReason, BoolArray]] = [(StopReason.MAX_STEPS, live.step >= live.step_limit)]
        if self.triggered and self.checking():
            uncertain_now = live.uncertainty > parameters.tolerance
            late = live.step >= parameters.minimum_steps
            reasons.append((StopReason.UNCERTAINTY, uncertain_now & late))
            if self.graded:
                reasons.append((StopReason.EXTRAPOLATION, (live.grade > parameters.largest_grade) & late))
        if close is not None:
            reasons.append((StopReason.UNSEEN_DISTANCE, close.unseen))
        change = np.abs(live.energy - live.start_energy)
        reasons.append((StopReason.ENERGY, change > self.batch.energy_change))
        reasons.append((StopReason.TEMPERATURE, kinetic > heat.kinetic_limit))
        if close is not None:
            reasons.append((StopReason.SHORTEST_DISTANCE, close.clash))
        # A sum is finite only if all its terms are.
        force = self.batch.layout.sum(live.forces).sum(axis=1)
        reasons.append((StopReason.NOT_FINITE, ~np.isfinite(live.energy + kinetic + force)))
        codes = np.full(live.n_walkers, RUNNING, dtype=np.int8)
        for reason, found in reasons:
            if found.any():
                codes[found] = STOP_REASONS.index(reason)
        return codes

    def rows(self, kinetic: FloatArray, heat: Heat, codes: NDArray[np.int8]) -> Trace:
        """Rows of the trace for all live walkers."""
        live, batch = self.live, self.batch
        volumes = live.systems.volumes
        virial = live.virial[:, 0, 0] + live.virial[:, 1, 1] + live.virial[:, 2, 2]
        rows = np.zeros(live.n_walkers, dtype=TRACE)
        rows["walker"] = batch.index
        rows["step"], rows["time_fs"] = live.step, live.time_fs
        rows["energy"], rows["sigma"] = live.energy, live.sigma
        rows["temperature_k"] = batch.propagator.temperature(kinetic)
        rows["target_temperature_k"] = heat.target
        rows["pressure_gpa"] = np.nan
        np.divide(2.0 * kinetic + virial, 3.0 * GPA * volumes, out=rows["pressure_gpa"], where=volumes > 0.0)
        rows["target_pressure_gpa"] = batch.parameters.pressure_gpa(live.step)
        rows["volume"], rows["tau"] = volumes, live.tau
        rows["uncertainty"], rows["grade"], rows["reason"] = live.uncertainty, live.grade, codes
        return rows

    def freeze(self, before: Walkers, codes: NDArray[np.int8]) -> None:
        """Put stopped walkers back into the whole batch and go on with the others."""
        code = STOP_REASONS.index(StopReason.NOT_FINITE)
        self.live = frozen(self.live, before, codes, codes == code, self.batch.layout)
        self.whole = self.everyone()
        going = np.flatnonzero(codes == RUNNING)
        self.batch = Batch.of(
            self.whole, self.batch.index[going], self.settings, self.parameters, self.knowledge
        )
        self.live = self.whole.take(self.batch.index)

    def monte_carlo(self) -> None:
        """Cell moves and swaps that are due."""

        def surface(systems: Systems) -> Surface:
            began = time.perf_counter()
            result = evaluate(self.force_field, systems, self.bias, self.live.tau)
            self.force_seconds += time.perf_counter() - began
            return result

        settings = self.settings
        if self.batch.any_breathing and self.due(settings.cell_moves.every):
            self.live = cell_move(self.live, self.batch, settings.cell_moves, surface)
        if settings.swap_moves is not None and self.due(settings.swap_moves.every):
            for _ in range(settings.swap_moves.attempts):
                self.live = swap_move(self.live, self.batch, surface)

    def progress(self) -> Progress:
        """How far the run is."""
        temperature = uncertainty = np.nan
        if self.live.n_walkers:
            kinetic = self.batch.propagator.kinetic_energy(self.live.velocities)
            temperature = float(self.batch.propagator.temperature(kinetic).mean())
            uncertainty = float(self.live.uncertainty.max())
        return Progress(
            step=self.step_number,
            max_steps=int(self.whole.step_limit.max()),
            n_walkers=self.whole.n_walkers,
            n_active=self.live.n_walkers,
            temperature_k=temperature,
            uncertainty=uncertainty,
            seconds=time.perf_counter() - self.started,
        )
