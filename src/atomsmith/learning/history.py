"""What happened in a run, from its store to the records of a report; works at any moment of the run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.data.store import Store, StoredConfiguration
from atomsmith.learning.starts import learned, merged, override_for, root_types
from atomsmith.report.gather.accuracy import calibration
from atomsmith.report.records import (
    Calibration,
    LearningPoint,
    SelectedConfiguration,
    SelectionStatus,
    Timing,
    Trajectory,
)
from atomsmith.sampling.state import STOP_REASONS, StopReason
from atomsmith.sampling.trigger import TriggerSettings
from atomsmith.systems import FloatArray

RUNNING = "still running"
GIVEN = "given at the start"
SMALLEST_TEST = 4
"""The learning curve leaves out errors of fewer test configurations."""
_STATUS: dict[str, SelectionStatus] = {"pending": "waiting", "labelled": "labelled", "failed": "failed"}


@dataclass(frozen=True, eq=False)
class History:
    """Everything a store holds, read at one moment.

    Attributes
    ----------
    settings
        Settings that decide what the run computes, as plain values.
    command
        All settings of the last command, and versions; empty in a run that never wrote them.
    entries
        Configurations in order of their ids.
    rounds
        Records of the finished rounds.
    final
        Record of the last fit of a run that has ended, or None.
    trace
        Columns of all walkers by name, in the order of round and walker.
    seconds, label_seconds
        Wall time in all, and of the reference calculations.
    """

    settings: dict[str, Any]
    command: dict[str, Any]
    entries: tuple[StoredConfiguration, ...]
    rounds: tuple[dict[str, Any], ...]
    final: dict[str, Any] | None
    trace: dict[str, NDArray[Any]]
    seconds: float
    label_seconds: float

    @classmethod
    def read(cls, folder: str | Path) -> History:
        """Read the store of a run folder without locking it.

        Raises
        ------
        InputError
            If there is no store.
        """
        with Store.open(folder, read_only=True) as store:
            rounds, final = tuple(store.rounds()), store.get("final")
            return cls(
                settings=store.get("settings", {}),
                command=store.get("command", {}),
                entries=tuple(store.entries()),
                rounds=rounds,
                final=final,
                trace=store.trace(),
                seconds=float(store.get("seconds", 0.0)),
                label_seconds=float(store.get("label_seconds", 0.0)),
            )

    def count(self, state: str) -> int:
        """Number of configurations in a state: ``pending``, ``labelled`` or ``failed``."""
        return sum(entry.state == state for entry in self.entries)

    @property
    def fits(self) -> list[dict[str, Any]]:
        """Records of all fits, each with its ``number``: one a round, and the final one."""
        fits = list(self.rounds)
        if self.final is not None:
            fits.append(self.final | {"number": len(self.rounds) + 1})
        return fits

    @cached_property
    def types(self) -> dict[int, str]:
        """Configuration type of every entry by its id, as a report groups them.

        What walkers found is grouped by the type of the start that it came from, where there are several.
        """
        roots = root_types(self.entries)
        if len(set(roots.values())) == 1:
            return {entry.id: entry.configuration.config_type for entry in self.entries}
        return {
            entry.id: f"learned from {roots[entry.id]}" if "start" in entry.origin else roots[entry.id]
            for entry in self.entries
        }

    def name_of(self, entry: StoredConfiguration) -> str:
        """What a person calls a configuration: where it came from."""
        origin = entry.origin
        if origin.get("kind") == "start":
            return f"start {origin['index'] + 1}"
        return f"round {origin['round']}, walker {origin['walker']}"


def reason_name(reason: str, mode: str = "hyperactive") -> str:
    """Stop reason of a walker for people."""
    if reason == StopReason.MAX_STEPS.value:
        return "random length" if mode == "random" else "step limit"
    return RUNNING if reason == "running" else reason.replace("_", " ")


def learning_curve(history: History) -> list[LearningPoint]:
    """Errors of every fit against the labels it had."""

    def rmse(errors: dict[str, Any] | None, quantity: str) -> float | None:
        statistics = errors and errors["total"][quantity]
        return float(statistics["rmse"]) if statistics else None

    points = []
    for fit in history.fits:
        n_test = fit["n_test"] + fit.get("n_independent", 0)
        test = fit["test"] if n_test >= SMALLEST_TEST else None
        energy, forces = errors_ahead(e for e in history.entries if e.origin.get("round") == fit["number"])
        points.append(
            LearningPoint(
                round=fit["number"],
                n_labels=fit["n_train"] + fit["n_test"],
                energy_rmse_mev=rmse(test, "energy"),
                forces_rmse=rmse(test, "forces"),
                energy_rmse_train_mev=rmse(fit["train"], "energy"),
                forces_rmse_train=rmse(fit["train"], "forces"),
                n_functions=fit["n_functions"],
                energy_rmse_new_mev=1e3 * _rms(energy.error) if len(energy.error) else None,
                forces_rmse_new=_rms(forces.error) if len(forces.error) else None,
            )
        )
    return points


def timings(history: History) -> list[Timing]:
    """Wall time by part; what no part claims is the rest."""
    spent = [record["seconds"] for record in history.rounds]
    parts = [
        Timing("fits of the rounds", sum(s["fit"] for s in spent), len(spent)),
        Timing("sampling", sum(s["sample"] for s in spent), len(spent)),
        Timing(
            "reference calculations",
            history.label_seconds,
            sum(entry.state != "pending" and entry.seconds is not None for entry in history.entries),
        ),
    ]
    rest = history.seconds - sum(part.seconds for part in parts)
    name = "last fit, tests, choice, store" if history.final is not None else "tests, choice, round under way"
    return [part for part in (*parts, Timing(name, max(rest, 0.0))) if part.seconds > 0.0]


def trajectories(history: History) -> list[Trajectory]:
    """Walkers of every round, the one under way included, as far as the trace goes."""
    trace = history.trace
    if len(trace["round"]) == 0:
        return []
    entries, roots = {entry.id: entry for entry in history.entries}, root_types(history.entries)
    records = {record["number"]: record["walkers"] for record in history.rounds}
    changes = (np.diff(trace["round"]) != 0) | (np.diff(trace["walker"]) != 0)
    edges = [0, *(np.flatnonzero(changes) + 1).tolist(), len(trace["round"])]
    found = []
    for start, stop in pairwise(edges):
        rows = {name: column[start:stop] for name, column in trace.items()}
        number, walker = int(rows["round"][0]), int(rows["walker"][0])
        known = records[number][walker] if number in records else None
        origin = entries.get(known["start"]) if known else None
        judged = not (known and known.get("free", False))
        tolerance = tolerance_of(history.settings, roots[origin.id], learned(origin)) if origin else None
        found.append(_trajectory(history, rows, known, origin, tolerance if judged else None))
    return found


def _trajectory(
    history: History,
    rows: dict[str, NDArray[Any]],
    known: dict[str, Any] | None,
    origin: StoredConfiguration | None,
    tolerance: float | None,
) -> Trajectory:
    code = int(rows["reason"][-1])
    reason = known["reason"] if known else STOP_REASONS[code].value if code >= 0 else "running"
    return Trajectory(
        round=int(rows["round"][0]),
        walker=int(rows["walker"][0]),
        step=rows["step"],
        largest_f=rows["uncertainty"],
        temperature_k=rows["temperature_k"],
        pressure_gpa=rows["pressure_gpa"],
        tau=rows["tau"],
        sigma_ev=rows["sigma"],
        tolerance=tolerance,
        reason=reason_name(reason, history.settings.get("mode", "")),
        start=history.name_of(origin) if origin else "",
    )


def tolerance_of(settings: dict[str, Any], config_type: str, found: bool = False) -> float | None:
    """Tolerance of walkers from starts of a type, or from what was learned from them; None: no trigger."""
    if settings.get("mode") == "random":
        return None
    special = override_for(settings["walkers"]["overrides"], config_type, found)
    trigger = merged(settings["sampling"], special).get("trigger")
    return None if trigger is None else TriggerSettings.model_validate(trigger).tolerance


def selection(history: History) -> list[SelectedConfiguration]:
    """What was given and what walkers offered: why, and what became of it."""
    by_walker = {
        (entry.origin["round"], entry.origin["walker"]): entry
        for entry in history.entries
        if entry.origin.get("kind") == "walker"
    }
    found = [
        SelectedConfiguration(
            0, entry.origin["index"], GIVEN, _STATUS[entry.state], detail=entry.reason or ""
        )
        for entry in history.entries
        if entry.origin.get("kind") == "start"
    ]
    for record in history.rounds:
        for walker, end in enumerate(record["walkers"]):
            entry = by_walker.get((record["number"], walker))
            found.append(
                SelectedConfiguration(
                    round=record["number"],
                    walker=walker,
                    reason=reason_name(end["reason"], history.settings.get("mode", "")),
                    status="not selected" if entry is None else _STATUS[entry.state],
                    step=end["step"],
                    largest_f=end["uncertainty"],
                    detail=(entry.reason if entry else None) or "",
                )
            )
    return found


@dataclass(frozen=True, eq=False)
class Ahead:
    """Predicted standard deviations and errors of values that were labelled afterwards, shape (n,) each."""

    std: FloatArray
    error: FloatArray


def errors_ahead(entries: Iterable[StoredConfiguration]) -> tuple[Ahead, Ahead]:
    """Energies per atom (eV) and force components of configurations predicted before they were labelled.

    The potential of their round had not seen them, whatever set they went to afterwards.
    """
    energy = ([np.zeros(0)], [np.zeros(0)])
    forces = ([np.zeros(0)], [np.zeros(0)])
    for entry in entries:
        predicted, c = entry.origin.get("predicted"), entry.configuration
        if predicted is None or entry.state != "labelled":
            continue
        if c.energy is not None:
            energy[0].append(np.array([predicted["energy_std"] / c.n_atoms]))
            energy[1].append(np.array([(predicted["energy"] - c.energy) / c.n_atoms]))
        if c.forces is not None:
            forces[0].append(np.ravel(predicted["forces_std"]))
            forces[1].append(np.ravel(np.array(predicted["forces"]) - c.forces))
    return (
        Ahead(np.concatenate(energy[0]), np.concatenate(energy[1])),
        Ahead(np.concatenate(forces[0]), np.concatenate(forces[1])),
    )


def calibrations_ahead(history: History) -> list[Calibration]:
    """Calibration of the predictions that were made before there was a label."""
    energy, forces = errors_ahead(history.entries)
    both = (
        calibration("energy", "new", energy.std, energy.error),
        calibration("forces", "new", forces.std, forces.error),
    )
    return [one for one in both if one is not None]


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
