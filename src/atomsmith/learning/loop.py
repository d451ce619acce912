"""The learning loop: fit, sample with bias, select, label, store, and again.

van der Oord, Sachs, Kovacs, Ortner, Csanyi, npj Comput. Mater. 9:168 (2023). All that outlives a moment is in
the store: a round ends with one transaction, a label is committed as soon as it is there, and the walkers are
checkpointed. A process that is killed and started again goes on from there and computes the same.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.dataset import Dataset
from atomsmith.data.store import Store, StoredConfiguration
from atomsmith.elements import SYMBOLS
from atomsmith.errors import InputError, LabelError
from atomsmith.evaluator import Evaluator
from atomsmith.fitting.fit import FitResult
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.rows.kept import KeptFactors
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.learning.ends import (
    GUARDS,
    candidates,
    choose,
    end_of,
    knowledge_of,
    new_to,
    origin_of,
    stopped_by_guard,
    walker_record,
)
from atomsmith.learning.growth import fit_last, fit_round
from atomsmith.learning.identity import fixed_settings, require_same
from atomsmith.learning.labelling import SCRATCH, isolated_energies, label_pending
from atomsmith.learning.observer import Observer, Silent
from atomsmith.learning.provenance import command_record
from atomsmith.learning.settings import LearnSettings
from atomsmith.learning.starts import (
    choose_starts,
    free_walkers,
    learned,
    make_walkers,
    read_independent_tests,
    read_starts,
    root_types,
    sampling_for,
)
from atomsmith.potential import Potential
from atomsmith.reference import FailureGuard, LabelRunner, check
from atomsmith.sampling.sampler import SamplingResult
from atomsmith.sampling.sampler import run as run_sampler
from atomsmith.sampling.state import StopReason, Walkers
from atomsmith.sampling.trace import Trace
from atomsmith.wording import counted

CHECKPOINT = "walkers"
LAMMPS = "lammps"
"""Folder of the files that walkers in LAMMPS go on from."""
POTENTIAL_FILE = "potential.json"
DATASET_FILE = "dataset.xyz"
TEST_FILE = "test.xyz"


@dataclass(frozen=True)
class Outcome:
    """How a run ended, and where its results are."""

    reason: str
    potential: Path
    dataset: Path
    counts: dict[str, int]
    rounds: int


def learn(settings: LearnSettings, folder: str | Path, observer: Observer | None = None) -> Outcome:
    """Learn a potential in a run folder, or go on with the run that is there.

    Parameters
    ----------
    settings
        Everything that decides what is computed.
    folder
        Run folder; made if need be.
    observer
        Told of progress.

    Raises
    ------
    RunLockedError
        If another process works in the folder.
    InputError
        If the folder's run was begun with other settings, or nothing could be labelled.
    LabelError
        If several reference calculations fail in a row.
    """
    with Store.open(folder) as store:
        return Learner(store, settings, observer or Silent()).run()


class Learner:
    """One run: its store, its settings, and the round under way."""

    def __init__(self, store: Store, settings: LearnSettings, observer: Observer) -> None:
        self.store, self.settings, self.observer = store, settings, observer
        self.folder = store.folder
        self.started = time.perf_counter()
        self.used_before = float(store.get("seconds", 0.0))
        self.elements: tuple[int, ...] = ()
        self.independent = Dataset([])
        self.potential_settings: PotentialSettings = settings.potential
        self.guard = FailureGuard(settings.failures_in_a_row)
        # Of this process only: made again after a kill, with the same bits. One for each degree compared.
        self.kept = KeptFactors(entries=1 if settings.growth is None else 2)

    def run(self) -> Outcome:
        """Go on until a stop criterion is met; see `learn`."""
        self._begin()
        settings = self.settings
        symbols = [SYMBOLS[z] for z in self.elements]
        scratch = self.folder / SCRATCH
        with LabelRunner(settings.reference, settings.executor, scratch=scratch, elements=symbols) as runner:
            self.potential_settings = self._with_isolated_energies(runner)
            while True:
                self._label(runner)
                reason = self._stop_reason()
                if reason is not None:
                    return self._finish(reason)
                self._round()

    def _begin(self) -> None:
        """Store the starts and the settings, once; check them ever after."""
        fixed = fixed_settings(self.settings)
        if self.store.get("settings") is None:
            starts, atoms = read_starts(self.settings)
            # A reference that cannot run is found before the folder is bound to it.
            check(self.settings.reference, [SYMBOLS[z] for z in starts.elements])
            with self.store.transaction():
                self.store.add_many(
                    [(c, "train", {"kind": "start", "index": k}) for k, c in enumerate(starts)],
                    labelled=self.settings.start.keep_labels,
                )
                self.store.set("isolated_atoms", atoms)
                self.store.set("settings", fixed)
        else:
            require_same(self.store.get("settings"), fixed, self.folder)
        everything = [entry.configuration for entry in self.store.entries()]
        self.elements = tuple(sorted({int(z) for c in everything for z in c.numbers}))
        self.independent = read_independent_tests(self.settings, self.elements)
        if len(self.independent):  # the report is made from the run folder alone
            self.independent.write(self.folder / TEST_FILE)
        else:
            (self.folder / TEST_FILE).unlink(missing_ok=True)
        self.store.set("command", command_record(self.settings))
        self._tidy()

    def _tidy(self) -> None:
        """Clean up after a process that was killed, or that gave up on a broken reference."""
        for name in (POTENTIAL_FILE, DATASET_FILE, TEST_FILE):
            for unfinished in self.folder.glob(f".{name}.*"):
                unfinished.unlink()
        if self.store.get("gave_up", False):
            with self.store.transaction():
                number = self.store.retry_failures()
                self.store.set("gave_up", False)
            self.observer.message(f"{number} failed reference calculations are tried again")

    def _label(self, runner: LabelRunner) -> None:
        """Label what is pending."""
        try:
            spent = label_pending(self.store, runner, self.guard, self.observer)
            failures = self.store.failures()
            if failures and not self.store.counts()["labelled"]:
                raise LabelError(
                    f"none of the starting structures could be labelled, the last one because of: "
                    f"{failures[-1].reason}"
                )
        except LabelError:
            # The reference is broken rather than these configurations bad: the next command tries them again.
            self.store.set("gave_up", True)
            raise
        with self.store.transaction():
            self.store.set("label_seconds", self.store.get("label_seconds", 0.0) + spent)
            self.store.set("seconds", self._seconds())

    def _with_isolated_energies(self, runner: LabelRunner) -> PotentialSettings:
        """Settings of the potential with the seed and threads of the run, and energies of free atoms."""
        own, settings = self.settings.potential, self.settings
        own = own.model_copy(update={"threads": settings.threads, "seed": settings.seed})
        energies = own.reference_energies
        if energies.source == "fitted" or energies.values:
            return own
        values: dict[str, float] = self.store.get("isolated_atoms", {})
        if settings.isolated_atoms and not self.store.get("no_isolated_atoms", False):
            missing = [SYMBOLS[z] for z in self.elements if SYMBOLS[z] not in values]
            for symbol, energy in isolated_energies(missing, runner, self.observer):
                if energy is None:
                    self.store.set("no_isolated_atoms", True)
                    break
                values[symbol] = energy
                self.store.set("isolated_atoms", values)
        # Workers finish in any order, but the same run writes the same potential.json.
        ordered = {SYMBOLS[z]: values[SYMBOLS[z]] for z in self.elements if SYMBOLS[z] in values}
        return own.model_copy(update={"reference_energies": energies.model_copy(update={"values": ordered})})

    def _round(self) -> None:
        """Fit, sample, select; ends with one transaction that adds the new configurations."""
        number = len(self.store.rounds()) + 1
        clock = time.perf_counter()
        result, degree = self.fit()
        self._write(result.potential)
        fitted = time.perf_counter()
        starts = self._starts(number)
        walkers = self._sample(number, result.potential, starts)
        sampled = time.perf_counter()
        record = self._record(number, result, degree) | {
            "seconds": {"fit": fitted - clock, "sample": sampled - fitted} | result.seconds
        }
        self._end_round(number, result.potential, walkers, [start.id for start in starts], record)

    def fit(self, *, last: bool = False) -> tuple[FitResult, float]:
        """Fit all training configurations that are labelled; only the ``last`` fit may be robust."""
        data, settings = self.training_set(), self.potential_settings
        rounds, growth = self.store.rounds(), self.settings.growth
        degree = rounds[-1]["degree"] if rounds else None
        with self.observer.fitting(len(data)) as progress:
            if last:
                return fit_last(data, settings, self.elements, growth, degree, progress, self.kept)
            plain = settings.model_copy(update={"robust": None})
            return fit_round(data, plain, self.elements, growth, degree, progress, self.kept)

    def training_set(self) -> Dataset:
        """Labelled training configurations without those whose forces are beyond the limit."""
        limit = self.settings.selection.largest_force_ev_per_angstrom
        data = Dataset(c for c in self.store.dataset("train") if self._within_limit(c))
        if len(data) == 0:
            raise InputError(
                f"{self.folder}: every training configuration has forces above {limit} eV/angstrom; give "
                "other starts or raise selection.largest_force_ev_per_angstrom."
            )
        return data

    def _within_limit(self, configuration: Configuration) -> bool:
        """Whether no force is beyond the limit of what is fitted."""
        forces = configuration.forces
        limit = self.settings.selection.largest_force_ev_per_angstrom
        return forces is None or bool(np.linalg.norm(forces, axis=1).max(initial=0.0) <= limit)

    def _starts(self, number: int) -> list[StoredConfiguration]:
        """What each walker of a round starts from."""
        every = self.settings.walkers.start_from == "all"
        entries = [
            entry
            for entry in self.store.entries(state="labelled")
            if entry.origin.get("kind") == "start"
            or (every and not stopped_by_guard(entry) and self._within_limit(entry.configuration))
        ]
        chosen = choose_starts(len(entries), self.settings.walkers.count, number, self.settings.seed)
        return [entries[k] for k in chosen]

    def _free(self, number: int) -> set[int]:
        """Walkers of a round that move without bias and trigger."""
        walkers = self.settings.walkers
        return free_walkers(walkers.unbiased_fraction, walkers.count, number)

    def _sample(self, number: int, potential: Potential, starts: Sequence[StoredConfiguration]) -> Walkers:
        """Run the walkers of a round to their ends, from the last checkpoint if there is one."""
        stored = self.store.load_checkpoint(CHECKPOINT)
        types, free = root_types(self.store.entries()), self._free(number)
        sampling = [
            sampling_for(self.settings, types[start.id], learned(start), k in free)
            for k, start in enumerate(starts)
        ]
        if stored is not None and stored[1]["round"] == number:
            walkers = Walkers.from_arrays(stored[0], stored[1]["header"])
        else:
            structures = [start.configuration for start in starts]
            walkers = make_walkers(structures, sampling, number, self.settings.seed)
        written = 0

        def checkpoint(state: Walkers, rows: Trace) -> None:
            nonlocal written
            written += len(rows)
            arrays, header = state.to_arrays()
            with self.store.transaction():
                self.store.save_checkpoint(CHECKPOINT, arrays, {"round": number, "header": header})
                self._add_trace(number, rows)
                self.store.set("seconds", self._seconds())

        with self.observer.sampling(number, self.store.counts()["labelled"]) as progress:
            result = self._sampler(number, potential)(
                walkers,
                settings=sampling,
                knowledge=knowledge_of(potential, self.settings.threads),
                on_checkpoint=checkpoint,
                checkpoint_every=self.settings.checkpoint_every,
                on_progress=progress,
            )
        arrays, header = result.walkers.to_arrays()
        with self.store.transaction():
            self.store.save_checkpoint(CHECKPOINT, arrays, {"round": number, "header": header})
            self._add_trace(number, result.trace[written:])
        return result.walkers

    def _sampler(self, number: int, potential: Potential) -> Callable[..., SamplingResult]:
        """What advances the walkers of a round, here or in LAMMPS."""
        sampler, threads = self.settings.sampler, self.settings.threads
        if sampler == "engine":
            return partial(run_sampler, force_field=Evaluator(potential, n_threads=threads))
        from atomsmith.lammps.sampler import run as run_in_lammps

        folder = self.folder / LAMMPS / f"round_{number}"
        return partial(run_in_lammps, potential=potential, lammps=sampler, folder=folder, threads=threads)

    def _add_trace(self, number: int, rows: Trace) -> None:
        for walker in np.unique(rows["walker"]):
            self.store.add_trace(number, int(walker), rows[rows["walker"] == walker])

    def _record(self, number: int, result: FitResult, degree: float) -> dict[str, Any]:
        """Numbers of the fit for the record of a round."""
        train, own = self.training_set(), self.store.dataset("test")
        test = Dataset([*own, *self.independent])
        predict = result.potential.predict
        return {
            "degree": degree,
            "n_train": len(train),
            "n_test": len(own),
            "n_independent": len(self.independent),
            "n_functions": result.potential.n_functions,
            "fit": result.solution.to_dict(),
            "train": errors(train, predict(train)).to_dict(),
            "test": errors(test, predict(test)).to_dict() if len(test) else None,
        }

    def _end_round(
        self,
        number: int,
        potential: Potential,
        walkers: Walkers,
        starts: Sequence[int],
        record: dict[str, Any],
    ) -> None:
        """Choose among the walkers' ends, and commit the round."""
        selection, mode = self.settings.selection, self.settings.mode
        free = self._free(number)
        possible = self._without_repeats(potential, walkers, candidates(walkers, selection, mode, free))
        ends = [end_of(walkers, k) for k in possible]
        chosen = choose(potential, ends, self._wanted(), selection, mode)
        rng = np.random.default_rng((self.settings.seed, 202, number))
        new = []
        for index in chosen:
            k, end = possible[index], ends[index]
            split = "test" if rng.random() < selection.test_fraction else "train"
            new.append((end, split, origin_of(walkers, k, number, starts[k], potential, end)))
        selected = {possible[index] for index in chosen}
        record["walkers"] = [
            walker_record(walkers, k, s, k in selected, k in free) for k, s in enumerate(starts)
        ]
        # Free walkers are labelled wherever they end, which says nothing about what is left to learn.
        record["quiet"] = all(walkers.reasons[k] is StopReason.MAX_STEPS for k in selected & free) and not (
            selected - free
        )
        with self.store.transaction():
            self.store.add_many(new)
            self.store.add_round(number, record)
            self.store.drop_checkpoint(CHECKPOINT)
            self.store.set("final", None)  # of an earlier end, from which the run went on
        shutil.rmtree(self.folder / LAMMPS, ignore_errors=True)
        reasons = Counter(walker["reason"].replace("_", " ") for walker in record["walkers"])
        self.observer.message(
            f"round {number}: {counted(record['n_functions'], 'function')}, "
            f"{', '.join(f'{count} {reason}' for reason, count in sorted(reasons.items()))}; "
            f"{counted(len(new), 'new configuration')}"
        )

    def _without_repeats(self, potential: Potential, walkers: Walkers, possible: list[int]) -> list[int]:
        """Leave out walkers that a guard stopped where one had been stopped and labelled before."""
        guarded = {k for k in possible if walkers.reasons[k] in GUARDS}
        earlier = [e.configuration for e in self.store.entries(state="labelled") if stopped_by_guard(e)]
        order = sorted(guarded)
        ends = [end_of(walkers, k) for k in order]
        new = new_to(potential, ends, earlier, self.settings.selection.novelty)
        known = {k for k, is_new in zip(order, new, strict=True) if not is_new}
        return [k for k in possible if k not in known]

    def _wanted(self) -> int:
        """Most configurations that this round may add."""
        limit, counts = self.settings.stop.labels, self.store.counts()
        number = self.settings.selection.per_round
        return number if limit is None else min(number, limit - counts["labelled"] - counts["pending"])

    def _stop_reason(self) -> str | None:
        stop, counts, rounds = self.settings.stop, self.store.counts(), self.store.rounds()
        if stop.labels is not None and counts["labelled"] >= stop.labels:
            return f"{counted(counts['labelled'], 'configuration')} labelled (stop.labels)"
        if stop.rounds is not None and len(rounds) >= stop.rounds:
            return f"{counted(len(rounds), 'round')} done (stop.rounds)"
        if stop.hours is not None and self._seconds() >= 3600.0 * stop.hours:
            return f"{stop.hours:g} hours have passed (stop.hours)"
        quiet = stop.quiet_rounds
        if quiet is not None and len(rounds) >= quiet and all(record["quiet"] for record in rounds[-quiet:]):
            return f"nothing to label was found in the last {counted(quiet, 'round')} (stop.quiet_rounds)"
        return None

    def _finish(self, reason: str) -> Outcome:
        """Fit everything once more and write the results."""
        result, degree = self.fit(last=True)
        number = len(self.store.rounds())
        self.store.set("final", self._record(number + 1, result, degree) | {"reason": reason})
        self._write(result.potential)
        self.store.set("seconds", self._seconds())
        self.observer.message(f"stopped: {reason}")
        path, data = self.folder / POTENTIAL_FILE, self.folder / DATASET_FILE
        return Outcome(reason, path, data, self.store.counts(), number)

    def _write(self, potential: Potential) -> None:
        """Write the potential and the data as they are now."""
        potential.save(self.folder / POTENTIAL_FILE)
        every = [
            e.configuration.replace(info=e.configuration.info | {"split": e.split, "id": e.id})
            for e in self.store.entries(state="labelled")
        ]
        Dataset(every).write(self.folder / DATASET_FILE)

    def _seconds(self) -> float:
        """Wall time of all commands on this run together."""
        return self.used_before + time.perf_counter() - self.started
