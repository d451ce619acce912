"""The report of a run, gathered from its store and its potential; of a run that has ended or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.store import StoredConfiguration
from atomsmith.learning.history import (
    History,
    calibrations_ahead,
    learning_curve,
    selection,
    timings,
    trajectories,
)
from atomsmith.learning.provenance import run_versions
from atomsmith.potential import Potential
from atomsmith.report import save_report_data, write_report
from atomsmith.report.gather.accuracy import Assessed, assess
from atomsmith.report.gather.fits import model_sentence, potential_sections, potential_verdicts, to_yaml
from atomsmith.report.gather.structures import error_properties, structure
from atomsmith.report.records import ReportData, Split, Structure, Verdict
from atomsmith.wording import counted

POTENTIAL_FILE, TEST_FILE = "potential.json", "test.xyz"
DATA_FILE = "report.json"
_MODES = {
    "hyperactive": "hyperactive learning",
    "active": "plain active learning",
    "random": "random selection",
}
_METHOD_KEYS = ("method", "pair_style", "xc", "functional", "calculator")
"""Settings of references that name the method."""
_SPLITS: dict[str, Split] = {"train": "train", "test": "test"}


@dataclass(frozen=True)
class WrittenReport:
    """Where a report is."""

    page: Path
    data: Path


def write_run_report(
    folder: str | Path, output: str | Path | None = None, n_threads: int = 1
) -> WrittenReport:
    """Write ``report.html``, ``figures/*.png`` and ``report.json`` of a run.

    Parameters
    ----------
    folder
        Run folder; only read, also while another process works in it.
    output
        Folder to write to, the run folder by default.
    n_threads
        Threads of the engine.

    Raises
    ------
    InputError
        If the folder holds no run.
    """
    target = Path(folder if output is None else output)
    data = report_of_run(folder, n_threads=n_threads)
    page = write_report(data, target)
    save_report_data(data, target / DATA_FILE)
    return WrittenReport(page, target / DATA_FILE)


def report_of_run(folder: str | Path, *, created: str | None = None, n_threads: int = 1) -> ReportData:
    """Gather what the report of a run shows.

    The potential is that of the last fit; labels that came after it are not yet judged by it, except those of
    the test set, which it never sees.

    Parameters
    ----------
    folder
        Run folder.
    created
        When the report was made; now by default.
    n_threads
        Threads of the engine.

    Raises
    ------
    InputError
        If the folder holds no run.
    """
    folder = Path(folder)
    potential = _potential(folder)  # before the store, which then has all that the potential was fitted to
    history = History.read(folder)
    independent = _independent(folder)
    sets = _Sets.of(history, potential)
    assessed: list[Assessed] = []
    if potential is not None:
        both = (
            assess(potential, [_shown(history, e) for e in sets.train], "train", n_threads),
            assess(
                potential,
                [*(_shown(history, e) for e in sets.test), *independent],
                "test",
                n_threads,
            ),
        )
        assessed = [one for one in both if one is not None]
    command = history.command
    mode = _MODES.get(history.settings.get("mode", ""), "learning")
    data = ReportData(
        title=f"{mode.capitalize()}: {_name(folder.resolve())}",
        summary=_summary(history, potential),
        created=_now() if created is None else created,
        verdicts=tuple(_run_verdicts(history, sets, potential, assessed, bool(independent))),
        trajectories=tuple(trajectories(history)),
        learning_curve=tuple(learning_curve(history)),
        timings=tuple(timings(history)),
        selection=tuple(selection(history)),
        structures=tuple(_structures(history, sets, assessed)),
        settings=to_yaml(command.get("settings") or history.settings),
        versions=command.get("versions")
        or run_versions(history.settings.get("reference", {}).get("kind", "")),
    )
    if potential is not None:
        data = replace(data, **potential_sections(potential, assessed))
    return replace(data, calibration=(*data.calibration, *calibrations_ahead(history)))


def _shown(history: History, entry: StoredConfiguration) -> Configuration:
    """Return a configuration under the type that the report groups it by."""
    return entry.configuration.replace(config_type=history.types[entry.id])


def _now() -> str:
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")


@dataclass(frozen=True, eq=False)
class _Sets:
    """Labelled configurations by what the potential did with them.

    ``train`` was fitted, ``test`` was kept from it; ``later`` was labelled after the fit, and ``excluded``
    has forces beyond the limit. ``certain`` is false where the potential was fitted to something else.
    """

    train: tuple[StoredConfiguration, ...]
    test: tuple[StoredConfiguration, ...]
    later: tuple[StoredConfiguration, ...]
    excluded: tuple[StoredConfiguration, ...]
    certain: bool

    @classmethod
    def of(cls, history: History, potential: Potential | None) -> _Sets:
        limit = history.settings.get("selection", {}).get("largest_force_ev_per_angstrom", np.inf)
        labelled = [entry for entry in history.entries if entry.state == "labelled"]
        train = [entry for entry in labelled if entry.split == "train"]
        usable = [entry for entry in train if _largest_force(entry) <= limit]
        fitted = len(usable)
        certain = True
        if potential is not None:
            # Entries come in the order of their ids: what was fitted is the beginning of what is there now.
            data = potential.metadata.get("data", {})
            fitted = min(int(data.get("n_configurations", fitted)), fitted)
            known = Dataset(entry.configuration for entry in usable[:fitted]).fingerprint()
            certain = data.get("fingerprint") == known
        return cls(
            train=tuple(usable[:fitted]),
            test=tuple(entry for entry in labelled if entry.split == "test"),
            later=tuple(usable[fitted:]),
            excluded=tuple(entry for entry in train if _largest_force(entry) > limit),
            certain=certain,
        )


def _largest_force(entry: StoredConfiguration) -> float:
    forces = entry.configuration.forces
    return 0.0 if forces is None else float(np.linalg.norm(forces, axis=1).max(initial=0.0))


def _potential(folder: Path) -> Potential | None:
    """Potential of the last fit, or None before the first."""
    path = folder / POTENTIAL_FILE
    return Potential.load(path) if path.exists() else None


def _name(folder: Path) -> str:
    """Name of a run for people: many folders are called `run`."""
    return f"{folder.parent.name}/{folder.name}" if folder.name == "run" else folder.name


def _independent(folder: Path) -> tuple[Configuration, ...]:
    """Test structures that were given, not found."""
    path = folder / TEST_FILE
    return tuple(Dataset.read(path, check_stress=False)) if path.exists() else ()


def _summary(history: History, potential: Potential | None) -> str:
    parts = [] if potential is None else [model_sentence(potential)]
    starts = sum(entry.origin.get("kind") == "start" for entry in history.entries)
    labelled = counted(history.count("labelled"), "configuration")
    found = f"{counted(starts, 'start')} and what walkers found in {counted(len(history.rounds), 'round')}"
    parts.append(f"{labelled} labelled by {_reference_name(history.settings)}: {found}.")
    return " ".join(parts)


def _reference_name(settings: dict[str, Any]) -> str:
    """What labelled, for people: ``GFN2-xTB (tblite)``."""
    reference = settings.get("reference", {})
    kind = str(reference.get("kind", "the reference"))
    method = next((reference[key] for key in _METHOD_KEYS if isinstance(reference.get(key), str)), None)
    return kind if method is None else f"{method} ({kind})"


def _run_verdicts(
    history: History,
    sets: _Sets,
    potential: Potential | None,
    assessed: Sequence[Assessed],
    independent: bool,
) -> list[Verdict]:
    """Sentences about how the run stands or ended, and about its potential."""
    found = [_end_verdict(history)]
    if potential is None:
        text = "There is no potential yet: the first fit comes when the starts are labelled."
        found.append(Verdict("note", text))
    else:
        found += potential_verdicts(potential, assessed)
    if (bias := _bias_verdict(history)) is not None:
        found.append(bias)
    if not sets.certain:
        text = (
            f"{POTENTIAL_FILE} was not fitted to the configurations of this run: what is called training "
            "set here may be new to it."
        )
        found.append(Verdict("warning", text))
    chosen = history.settings.get("mode") != "random"
    if (
        chosen
        and not independent
        and sets.test
        and all(entry.origin.get("kind") == "walker" for entry in sets.test)
    ):
        text = (
            "The test set was drawn at random from the configurations at which walkers stopped: it is harder "
            "than what unbiased dynamics visits."
        )
        found.append(Verdict("note", text))
    if sets.later:
        text = f"{counted(len(sets.later), 'label')} came after the last fit and are not in it yet."
        found.append(Verdict("note", text))
    if sets.excluded:
        text = (
            f"{counted(len(sets.excluded), 'labelled configuration')} with forces beyond the limit "
            "(selection.largest_force_ev_per_angstrom) were left out of the fit."
        )
        found.append(Verdict("note", text))
    return found


def _end_verdict(history: History) -> Verdict:
    """Whether the run has ended, and whether because there was nothing left to learn."""
    if history.final is None:
        waiting = history.count("pending")
        text = f"This run has not ended after {counted(len(history.rounds), 'round')}"
        if waiting == 0:
            return Verdict("note", f"{text}: the next fit or its walkers are under way, or were interrupted.")
        wait = "waits for its label" if waiting == 1 else "wait for labels"
        return Verdict("note", f"{text}: {counted(waiting, 'configuration')} {wait}.")
    reason = history.final["reason"]
    quiet = bool(history.rounds) and all(record["quiet"] for record in history.rounds[-1:])
    if "quiet_rounds" in reason:
        return Verdict("good", f"The run ended because {reason}.")
    if history.settings.get("mode") == "random":
        return Verdict("note", f"The run ended because {reason}.")
    if quiet:
        return Verdict("note", f"The run ended because {reason}; its last round found nothing to label.")
    return Verdict("warning", f"The run ended because {reason}, not because nothing was left to learn.")


def _bias_verdict(history: History) -> Verdict | None:
    """Say so where walkers that should have been biased never were."""
    bias, tau = history.settings.get("sampling", {}).get("bias"), history.trace.get("tau")
    if history.settings.get("mode") != "hyperactive" or not bias or not bias["tau_rel"] or tau is None:
        return None
    if np.any(np.nan_to_num(tau) > 0.0):
        return None
    text = (
        "The bias never acted, since every walker stopped before it rose (sampling.bias.burn_in_steps): so "
        "far this was plain active learning."
    )
    return Verdict("note", text)


def _structures(history: History, sets: _Sets, assessed: Sequence[Assessed]) -> list[Structure]:
    """Every configuration that was labelled or failed, with its errors where the potential was asked."""
    judged: dict[int, tuple[Assessed, int]] = {}
    for one in assessed:
        entries = sets.train if one.split == "train" else sets.test
        judged |= {entry.id: (one, index) for index, entry in enumerate(entries)}
    found = []
    for entry in history.entries:
        if entry.state == "pending":
            continue
        name = history.name_of(entry)
        properties = _properties(entry)
        if entry.id in judged:
            properties |= error_properties(*judged[entry.id])
        found.append(
            structure(
                _shown(history, entry),
                f"{name} (failed)" if entry.state == "failed" else name,
                split=_SPLITS.get(entry.split) if entry.id in judged else None,
                round=entry.origin.get("round", 0),
                properties=properties,
            )
        )
    return found


def _properties(entry: StoredConfiguration) -> dict[str, float | None]:
    """What was known of a configuration when it was found, and what its label cost."""
    origin: dict[str, Any] = entry.origin
    properties: dict[str, float | None] = {"label time (s)": entry.seconds}
    if origin.get("kind") == "walker":
        properties["largest fᵢ when found"] = origin.get("uncertainty")
        properties["step when found"] = origin.get("step")
    return properties
