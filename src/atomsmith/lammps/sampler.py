"""Walkers that move in LAMMPS: the same settings, starts, ends and trace as those of `atomsmith.sampling`.

A walker's forces come from the same engine with the same bias, triggers and guards; what differs is the
dynamics around them: LAMMPS's velocity Verlet with Langevin forces (Schneider & Stoll, Phys. Rev. B 17, 1302
(1978)), and the barostat of Martyna, Tobias & Klein (J. Chem. Phys. 101, 4177 (1994)) in place of Monte Carlo
moves of the cell.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
from ase.data import atomic_masses

from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError
from atomsmith.evaluator import species_of
from atomsmith.lammps.box import Box, data_file, masses_of_types
from atomsmith.lammps.build import Plugin, build_plugin
from atomsmith.lammps.installation import find_installation
from atomsmith.lammps.launch import LammpsError, environment, launcher, load_lines, message_of
from atomsmith.lammps.piece import (
    BAR_PER_GPA,
    DATA,
    FS_PER_PS,
    POTENTIAL,
    RESTART,
    UNSTABLE,
    Outcome,
    Piece,
    outcome_of,
)
from atomsmith.lammps.settings import LammpsSamplerSettings, require_possible
from atomsmith.potential import Potential
from atomsmith.sampling.batch import prepared
from atomsmith.sampling.sampler import OnCheckpoint, OnProgress, Progress, SamplingResult
from atomsmith.sampling.settings import Parameters, SamplingSettings, common_settings
from atomsmith.sampling.state import RUNNING, STOP_REASONS, StopReason, Walkers
from atomsmith.sampling.streams import pack_streams, unpack_streams
from atomsmith.sampling.trace import TRACE, Recorder, Trace
from atomsmith.sampling.trigger import Knowledge
from atomsmith.sampling.units import GPA
from atomsmith.systems import FloatArray

EV_PER_BAR_A3 = GPA / BAR_PER_GPA
LARGEST_SEED = 900_000_000


def run(
    walkers: Walkers,
    potential: Potential,
    settings: SamplingSettings | Sequence[SamplingSettings],
    lammps: LammpsSamplerSettings,
    folder: Path,
    *,
    threads: int = 1,
    knowledge: Knowledge | None = None,
    on_checkpoint: OnCheckpoint | None = None,
    checkpoint_every: int = 1000,
    on_progress: OnProgress | None = None,
) -> SamplingResult:
    """Advance all active walkers in LAMMPS until every one has stopped; see `atomsmith.sampling.run`.

    A walker runs in pieces of ``checkpoint_every`` steps; a call with the walkers of a checkpoint goes on
    with the same bits as one that was never interrupted, on the same number of ranks.

    Parameters
    ----------
    walkers, settings, knowledge, on_checkpoint, checkpoint_every, on_progress
        As there, but walkers advance by themselves and may be at different steps.
    potential
        What they move on.
    lammps
        Which LAMMPS, and how many ranks.
    folder
        Where files of LAMMPS are kept between pieces; the same for a run that goes on, empty for a new one.
    threads
        Threads of every rank.

    Raises
    ------
    InputError
        If settings ask for what LAMMPS cannot do, or there is no LAMMPS.
    LammpsError
        If LAMMPS stops for a reason other than a walker that left physics.
    """
    each = [settings] * walkers.n_walkers if isinstance(settings, SamplingSettings) else list(settings)
    for one in each:
        require_possible(one)
    plugin = build_plugin(find_installation(lammps.executable))
    folder.mkdir(parents=True, exist_ok=True)
    potential.save(folder / POTENTIAL)
    fleet = _Fleet(walkers, potential, each, lammps, folder, plugin, threads, knowledge or Knowledge())
    for _ in fleet.pieces(checkpoint_every):
        if on_checkpoint is not None:
            on_checkpoint(fleet.walkers, fleet.recorder.new())
        fleet.drop_old_files()
        if on_progress is not None:
            on_progress(fleet.progress())
    return SamplingResult(
        walkers=fleet.walkers,
        trace=fleet.recorder.all(),
        seconds=time.perf_counter() - fleet.started,
        seconds_in_force_field=fleet.seconds,
    )


class _Fleet:
    """A run under way: the walkers, and the rows written."""

    def __init__(
        self,
        walkers: Walkers,
        potential: Potential,
        settings: Sequence[SamplingSettings],
        lammps: LammpsSamplerSettings,
        folder: Path,
        plugin: Plugin,
        threads: int,
        knowledge: Knowledge,
    ) -> None:
        self.started = time.perf_counter()
        self.seconds = 0.0
        self.settings, self.lammps, self.folder, self.plugin = settings, lammps, folder, plugin
        self.threads, self.knowledge = threads, knowledge
        self.numbers = [int(z) for z in potential.elements]
        self.parameters = Parameters.of(settings, knowledge)
        self.recorder = Recorder()
        self.walkers = prepared(walkers, self.parameters, common_settings(settings))
        for leftover in folder.glob("piece-*"):  # of a process that was killed
            shutil.rmtree(leftover, ignore_errors=True)

    def pieces(self, length: int) -> Iterator[None]:
        """Run pieces of all active walkers, several at once; yields after each."""
        active = [int(k) for k in np.flatnonzero(self.walkers.active)]
        with ThreadPoolExecutor(max_workers=self.lammps.at_once) as pool:
            waiting: dict[Future[tuple[Piece, Outcome | None, float]], int] = {
                pool.submit(self._run, k, self._piece(k, length)): k for k in active
            }
            try:
                while waiting:
                    for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                        k = waiting.pop(future)
                        piece, outcome, seconds = future.result()
                        self.seconds += seconds
                        self._apply(k, piece, outcome)
                        yield
                        if self.walkers.active[k]:
                            waiting[pool.submit(self._run, k, self._piece(k, length))] = k
            finally:
                for future in waiting:
                    future.cancel()

    def _piece(self, k: int, length: int) -> Piece:
        """The next piece of a walker; draws the seed of its thermostat."""
        walkers, parameters = self.walkers, self.parameters.take(np.array([k]))
        begin, settings = int(walkers.step[k]), self.settings[k]
        ends = [(begin // length + 1) * length, int(walkers.step_limit[k])]
        for ramp in (settings.temperature_k, settings.pressure_gpa):  # a piece has one slope
            if ramp is not None and ramp.steps is not None and ramp.steps > begin:
                ends.append(ramp.steps)
        seed = int(unpack_streams(walkers.streams[k : k + 1])[0].integers(1, LARGEST_SEED))
        state = walkers.tau[k], walkers.mean_force[k], walkers.mean_gradient[k]
        return Piece(
            settings=settings,
            parameters=parameters,
            knowledge=self.knowledge,
            elements=[SYMBOLS[z] for z in self.numbers],
            numbers=self.numbers,
            n_atoms=int(walkers.systems.counts[k]),
            begin=begin,
            end=min(ends),
            restart=None if begin == 0 else self._restart(k, begin),
            start_energy=None if begin == 0 else float(walkers.start_energy[k]),
            seed=seed,
            threads=self.threads,
            resumed=None if begin == 0 else (float(state[0]), float(state[1]), float(state[2])),
            boundary=Box.of(walkers, k).boundary,
        )

    def _restart(self, k: int, step: int) -> Path:
        """File from which a walker goes on at a step."""
        return (self.folder / f"walker_{k}.{step}.restart").resolve()

    def _run(self, k: int, piece: Piece) -> tuple[Piece, Outcome | None, float]:
        """Run LAMMPS; None if the walker left physics."""
        began = time.perf_counter()
        if piece.restart is not None and not piece.restart.is_file():
            raise InputError(
                f"{piece.restart}: no such file, from which walker {k} goes on; keep the run folder as a "
                "whole."
            )
        work = Path(tempfile.mkdtemp(prefix=f"piece-{k}-", dir=self.folder))
        (work / POTENTIAL).symlink_to(self.folder.resolve() / POTENTIAL)
        load = [] if self.plugin.installation.loads_from_path else load_lines(self.plugin)
        (work / "in.piece").write_text("".join(f"{line}\n" for line in load) + piece.script())
        if piece.restart is None:
            (work / DATA).write_text(self._data(k, piece))
        output, code = self._call(work)
        if code != 0:
            message = message_of(output) or f"exit code {code}"
            if not any(sign in message for sign in UNSTABLE):
                raise LammpsError(f"LAMMPS stopped: {message}; its input and log are in {work}.")
            shutil.rmtree(work, ignore_errors=True)
            return piece, None, time.perf_counter() - began
        outcome = outcome_of(work, output, piece)
        (work / RESTART).replace(self._restart(k, int(outcome.rows["step"][-1])))
        shutil.rmtree(work, ignore_errors=True)
        return piece, outcome, time.perf_counter() - began

    def _call(self, work: Path) -> tuple[str, int]:
        starter = (
            shlex.split(self.lammps.launcher)
            if self.lammps.launcher is not None
            else launcher(self.plugin, self.lammps.ranks)
        )
        command = [*starter, str(self.plugin.executable), "-in", "in.piece", "-nocite"]
        result = subprocess.run(
            command,
            cwd=work,
            env=environment(self.plugin),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return result.stdout, result.returncode

    def _data(self, k: int, piece: Piece) -> str:
        walkers = self.walkers
        atoms = self._atoms(k)
        types = species_of(walkers.systems.numbers[atoms], self.numbers) + 1
        box = Box.of(walkers, k)
        masses = masses_of_types(walkers, k, self.numbers, atomic_masses[self.numbers])
        velocities = walkers.velocities[atoms] @ box.rotation.T
        return data_file(box, types, velocities, masses, piece.breathes)

    def _atoms(self, k: int) -> slice:
        first = self.walkers.systems.first
        return slice(int(first[k]), int(first[k + 1]))

    def _apply(self, k: int, piece: Piece, outcome: Outcome | None) -> None:
        """Put what came of a piece into the walkers and the trace."""
        alone = self.walkers.take([k])
        generator = unpack_streams(alone.streams)
        generator[0].integers(1, LARGEST_SEED)  # the piece's seed is used
        alone = alone.replace(streams=pack_streams(generator))
        if outcome is None:
            code = STOP_REASONS.index(StopReason.NOT_FINITE)
            row = np.zeros(1, dtype=TRACE)
            for name in TRACE.names or ():
                row[name] = np.nan if TRACE[name].kind == "f" else 0
            row["walker"], row["step"], row["reason"] = k, alone.step, code
            row["time_fs"], row["tau"], row["volume"] = alone.time_fs, alone.tau, alone.systems.volumes
            alone = alone.replace(active=np.array([False]), reason=np.array([code], dtype=np.int8))
            self.recorder.append(row)
        else:
            alone, rows = self._advanced(k, alone, piece, outcome)
            self.recorder.append(rows)
        self.walkers = self.walkers.put([k], alone)

    def _advanced(self, k: int, alone: Walkers, piece: Piece, outcome: Outcome) -> tuple[Walkers, Trace]:
        """A walker at the end of a piece, and the rows of its trace."""
        end = {name: column[-1:] for name, column in outcome.rows.items()}
        step = end["step"].astype(np.int64)
        rotation = Box.of(alone, 0).rotation
        reason = outcome.reason
        if reason is None and step[0] >= alone.step_limit[0]:
            reason = StopReason.MAX_STEPS
        code = RUNNING if reason is None else STOP_REASONS.index(reason)
        systems = alone.systems.replace(positions=outcome.positions @ rotation)
        if piece.breathes:
            systems = systems.replace(cells=(outcome.box @ rotation)[None])
        settings = piece.settings
        virial = rotation.T @ outcome.virial @ rotation * float(end["volume"][0]) * EV_PER_BAR_A3
        biased = settings.biased
        alone = alone.replace(
            systems=systems,
            velocities=outcome.velocities @ rotation / FS_PER_PS,
            forces=outcome.forces @ rotation,
            energy=end["energy"],
            sigma=end["sigma"],
            virial=virial[None],
            evaluated=np.array([True]),
            step=step,
            time_fs=step * settings.timestep_fs,
            active=np.array([code == RUNNING]),
            reason=np.array([code], dtype=np.int8),
            tau=end["tau"] if biased else alone.tau,
            mean_force=end["mean_force"] if biased else alone.mean_force,
            mean_gradient=end["mean_gradient"] if biased else alone.mean_gradient,
            uncertainty=end["uncertainty"],
            start_energy=outcome.rows["energy"][:1] if piece.begin == 0 else alone.start_energy,
        )
        return alone, self._rows(k, piece, outcome, systems.volumes, code)

    def _rows(self, k: int, piece: Piece, outcome: Outcome, volume: FloatArray, code: int) -> Trace:
        """Rows of the trace; those of the end stand there only when they are due or the walker stopped."""
        columns, settings = outcome.rows, piece.settings
        step = columns["step"].astype(np.int64)
        rows = np.zeros(len(step), dtype=TRACE)
        rows["walker"], rows["step"], rows["time_fs"] = k, step, step * settings.timestep_fs
        rows["energy"], rows["temperature_k"] = columns["energy"], columns["temperature"]
        rows["target_temperature_k"] = piece.parameters.temperature(step)
        rows["target_pressure_gpa"] = piece.parameters.pressure_gpa(step)
        # LAMMPS shrinks its box where nothing is periodic.
        solid = bool(self.walkers.systems.pbc[k].all())
        rows["volume"] = columns["volume"] if solid else volume
        pressure = columns["pressure"] * columns["volume"] / BAR_PER_GPA
        rows["pressure_gpa"] = np.nan
        np.divide(pressure, rows["volume"], out=rows["pressure_gpa"], where=rows["volume"] > 0.0)
        rows["sigma"], rows["tau"] = columns["sigma"], columns["tau"]
        rows["uncertainty"], rows["grade"] = columns["uncertainty"], np.nan
        rows["reason"] = RUNNING
        rows["reason"][-1] = code
        shown = step % settings.record_every == 0
        shown[-1] |= code != RUNNING
        chosen: Trace = rows[shown]
        return chosen

    def drop_old_files(self) -> None:
        """Delete files from which no walker goes on any more."""
        needed = {
            self._restart(int(k), int(self.walkers.step[k])) for k in np.flatnonzero(self.walkers.active)
        }
        for path in self.folder.resolve().glob("walker_*.restart"):
            step = int(path.name.split(".")[1])
            k = int(path.name.split(".")[0].removeprefix("walker_"))
            if path not in needed and step <= self.walkers.step[k]:
                path.unlink()

    def progress(self) -> Progress:
        """How far the run is: its walkers move by themselves, so the step is their mean."""
        walkers = self.walkers
        rows = self.recorder.all()[-1:]
        return Progress(
            step=int(walkers.step.mean()),
            max_steps=int(walkers.step_limit.max()),
            n_walkers=walkers.n_walkers,
            n_active=int(walkers.active.sum()),
            temperature_k=float(rows["temperature_k"][0]) if len(rows) else np.nan,
            uncertainty=float(np.nanmax(walkers.uncertainty, initial=0.0)),
            seconds=time.perf_counter() - self.started,
        )
