"""Time and memory of fits whose design matrix does not fit in memory, and their accuracy.

    python -m benchmarks.memory.streaming [--sizes 1000 ...] [--workers 0 2] [--one-shot 500] [--json FILE]

Each fit runs in a process of its own on configurations of 64 silicon atoms, rattled and strained, labelled by
a potential of the same basis with noise: 545 functions, 199 rows a configuration. The memory is the
largest sum of the resident sets of that process and its workers, sampled; the time is that of the processor,
of all of them, and stands beside what was estimated before the work began. --one-shot solves the same problem
with the whole matrix in memory by one QR decomposition and compares the coefficients.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.linalg import lapack, solve_triangular

from atomsmith import Dataset
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import AceSettings, PairSettings
from atomsmith.evaluator import PlanEvaluator, sum_atoms
from atomsmith.fitting import Evidence, KindWeights
from atomsmith.fitting.estimate import estimate
from atomsmith.fitting.fit import solve_model
from atomsmith.fitting.held_out import GROUPS
from atomsmith.fitting.problem import Problem
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.fitting.rows.design import RowMaker, blocks
from atomsmith.fitting.rows.factor_set import FactorSet
from atomsmith.fitting.rows.streaming import Workers, accumulate
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.weights import KINDS, Weights
from atomsmith.model import ModelSettings, TermSettings, build_model
from atomsmith.prediction import stress_from_virial
from atomsmith.reference.executors import start_workers
from atomsmith.reference.settings import ExecutorSettings
from atomsmith.systems import FloatArray, Systems

LATTICE = 5.43
NOISE = 0.01
"""Noise of the labels: eV/angstrom for forces."""
MIB = 2**20


def model_settings() -> ModelSettings:
    """A pair term and an ACE, 546 coefficients in all for silicon."""
    pair = PairSettings(cutoff=6.0, degree=10)
    ace = AceSettings(cutoff=5.0, correlation_order=3, degree=13.0)
    return ModelSettings(terms=(TermSettings(descriptor=pair), TermSettings(descriptor=ace)))


def silicon(count: int) -> Dataset:
    """Configurations of 64 atoms with energy, forces and stress."""
    cell = LATTICE * np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]]) / 4
    cubic = np.concatenate([cell, cell + LATTICE / 4])
    shifts = LATTICE * np.indices((2, 2, 2)).reshape(3, -1).T
    perfect = (cubic[None] + shifts[:, None]).reshape(-1, 3)
    model = build_model(model_settings(), [14])
    rng = np.random.default_rng(1)
    truth = rng.normal(size=len(model.features)) / model.features.smoothness
    evaluator = PlanEvaluator(model.plan)
    weights = evaluator.weights(truth[None])
    found: list[Configuration] = []
    while len(found) < count:
        bare = []
        for _ in range(min(50, count - len(found))):
            strain = np.eye(3) + rng.normal(scale=0.02, size=(3, 3))
            positions = perfect @ strain + rng.normal(scale=0.12, size=perfect.shape)
            bare.append(Configuration(np.full(64, 14), positions, 2 * LATTICE * strain, np.ones(3, np.bool_)))
        systems = Systems.from_configurations(bare)
        energies, forces, virials = evaluator.predict_sets(systems, weights)
        stresses = stress_from_virial(virials[0], np.array([c.volume for c in bare]))
        totals, forces = sum_atoms(energies[0], systems), forces[0].reshape(-1, 64, 3)
        for k, c in enumerate(bare):
            found.append(
                c.replace(
                    energy=float(totals[k] + NOISE * rng.normal()),
                    forces=forces[k] + NOISE * rng.normal(size=(64, 3)),
                    stress=stresses[k] + 1e-3 * NOISE * rng.normal(size=6),
                )
            )
    return Dataset(found)


def cpu_seconds() -> float:
    """Processor time of this process, and of its children that have ended."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


@single_threaded()
def measure(count: int, n_workers: int, one_shot: bool) -> dict[str, Any]:
    """Fit ``count`` configurations as `atomsmith.fitting.fit.fit_model` does, part by part."""
    started = cpu_seconds()
    data = silicon(count)
    made = cpu_seconds()
    # Weights that the fit is not left to choose: the solution at once is with the same.
    settings = PotentialSettings(
        model=model_settings(), weights=Weights(energy=30.0, virial=1.0), solver=Evidence()
    )
    problem = Problem.of(data, settings)
    maker = RowMaker(problem.model.plan, problem.settings.weights, problem.reference)
    looked = cpu_seconds()
    expected = estimate(
        maker, problem.rows_of, settings.solver, n_groups=GROUPS, workers=n_workers, clock=time.process_time
    )
    begun, wall = cpu_seconds(), time.perf_counter()
    factors = FactorSet(maker.n_features, GROUPS)
    with ExitStack() as stack:
        workers = None
        if n_workers:
            scratch = stack.enter_context(tempfile.TemporaryDirectory())
            executor = start_workers(ExecutorSettings(kind="processes", workers=n_workers), Path(scratch))
            assert executor is not None
            stack.callback(executor.close)
            workers = Workers(executor.executor, n_workers)
        accumulate(maker, problem.rows_of, factors, workers=workers)
    factors.compact()
    folded = cpu_seconds()
    result = solve_model(problem, factors)
    solved = cpu_seconds()
    numbers = {
        "configurations": count,
        "workers": n_workers,
        "features": maker.n_features,
        "rows": expected.n_rows,
        "matrix_bytes": 8 * expected.n_rows * (maker.n_features + 1),
        "estimated_seconds": expected.rows_seconds * max(n_workers, 1) + expected.solve_seconds,
        "estimated_rows_seconds": expected.rows_seconds * max(n_workers, 1),
        "estimated_solve_seconds": expected.solve_seconds,
        "estimated_bytes": expected.peak_bytes,
        "data_seconds": made - started,
        "survey_seconds": looked - made,
        "rows_seconds": folded - begun,
        "solve_seconds": solved - folded,
        "wall_seconds": time.perf_counter() - wall,
        "factor_bytes": factors.nbytes,
    }
    if one_shot:
        c = result.solution.coefficients
        direct = solve_at_once(problem, result.solution.alpha, result.solution.beta)
        numbers["difference"] = float(np.abs(c - direct).max() / np.abs(direct).max())
        numbers["rms_difference"] = float(np.linalg.norm(c - direct) / np.linalg.norm(direct))
    return numbers


def solve_at_once(problem: Problem, alpha: FloatArray, beta: float) -> FloatArray:
    """Coefficients from one QR decomposition of all weighted rows and those of the prior."""
    maker = RowMaker(problem.model.plan, problem.settings.weights, problem.reference)
    n, weights = maker.n_features, KindWeights.of(problem.settings.weights)
    penalised = np.flatnonzero((alpha > 0.0) & np.isfinite(alpha))
    kept = np.flatnonzero(np.isfinite(alpha))
    total = sum(1 + 3 * len(c) + 6 for c in problem.rows_of) + len(penalised)
    matrix: FloatArray = np.zeros((total, len(kept) + 1), order="F")
    at = 0
    for block in blocks(problem.rows_of, n):
        made = maker.rows(block)
        for kind in KINDS:
            scale = weights[kind] * made[kind].scales
            stop = at + len(scale)
            matrix[at:stop, :-1] = made[kind].rows[:, kept] * scale[:, None]
            matrix[at:stop, -1] = made[kind].targets * scale
            at = stop
    matrix[at + np.arange(len(penalised)), np.searchsorted(kept, penalised)] = np.sqrt(
        alpha[penalised] / beta
    )
    work = int(lapack.dgeqrf_lwork(*matrix.shape)[0])
    triangle, *_ = lapack.dgeqrf(matrix, lwork=work, overwrite_a=True)
    coefficients = np.zeros(n)
    size = len(kept)
    coefficients[kept] = solve_triangular(triangle[:size, :size], triangle[:size, size])
    return coefficients


class MemorySampler(threading.Thread):
    """Largest sum of the resident sets of a process and its descendants."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid = pid
        self.peak = 0
        self.done = threading.Event()

    def run(self) -> None:
        """Sample until told to stop."""
        while not self.done.wait(0.05):
            self.peak = max(self.peak, sum(map(_resident, _family(self.pid))))


def _family(pid: int) -> list[int]:
    try:
        tasks = [int(p.name) for p in Path(f"/proc/{pid}/task").iterdir()]
        children = [
            int(child)
            for task in tasks
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split()
        ]
    except OSError:
        return []
    return [pid] + [one for child in children for one in _family(child)]


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def run(count: int, workers: int, one_shot: bool) -> dict[str, Any]:
    """Measure one fit in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.memory.streaming", "--child", str(count), str(workers)]
    process = subprocess.Popen(command + ["check"] * one_shot, stdout=subprocess.PIPE, text=True)
    sampler = MemorySampler(process.pid)
    sampler.start()
    output, _ = process.communicate()
    sampler.done.set()
    sampler.join()
    if process.returncode:
        raise SystemExit(process.returncode)
    numbers: dict[str, Any] = json.loads(output)
    return numbers | {"peak_bytes": sampler.peak}


def table_of(rows: list[dict[str, Any]]) -> Table:
    """Measured and estimated numbers, one row a fit."""
    table = Table(title=f"{rows[0]['features']} features, 64 atoms a configuration; processor time")
    for name in (
        "configurations",
        "workers",
        "matrix\nGiB",
        "rows\ns",
        "solve\ns",
        "estimated\ns",
        "peak\nMiB",
        "estimated\nMiB",
        "one-shot\ndifference",
    ):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            f"{row['configurations']:,}",
            str(row["workers"]),
            f"{row['matrix_bytes'] / 2**30:.2f}",
            f"{row['rows_seconds']:.1f}",
            f"{row['solve_seconds']:.1f}",
            f"{row['estimated_seconds']:.1f}",
            f"{row['peak_bytes'] / MIB:.0f}",
            f"{row['estimated_bytes'] / MIB:.0f}",
            f"{row['difference']:.1e}" if "difference" in row else "",
        )
    return table


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[500, 1000, 2000], help="configurations")
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 2], help="processes; 0: in the parent")
    parser.add_argument("--one-shot", type=int, nargs="*", default=[500], help="sizes to compare with one QR")
    parser.add_argument("--json", type=Path, help="write the numbers to this file")
    parser.add_argument("--child", nargs="*", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        count, workers, *check = arguments.child
        print(json.dumps(measure(int(count), int(workers), bool(check))))
        return 0
    plan = [(size, workers, False) for size in arguments.sizes for workers in arguments.workers]
    rows = []
    for size, workers, check in plan + [(size, 0, True) for size in arguments.one_shot]:
        rows.append(run(size, workers, check))
        Console(stderr=True).print(rows[-1])
    Console(width=110).print(table_of(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
