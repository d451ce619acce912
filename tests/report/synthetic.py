"""Report data that look like those of a real run, made from a seed; for tests and for looking at the page.

``python tests/report/synthetic.py FOLDER`` writes two reports there: a learning run and a plain fit.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from atomsmith.report import (
    Calibration,
    Coefficients,
    ErrorRow,
    LearningPoint,
    PairCurve,
    Parity,
    ReportData,
    SelectedConfiguration,
    Structure,
    Timing,
    Trajectory,
    write_report,
)

TYPES = ("initial", "solid", "liquid", "strained")
REASONS = ("uncertainty", "step limit", "temperature", "distance")

SETTINGS = """\
# learn.yaml
starts: {file: start.xyz}
reference: {kind: lammps, pair_style: meam, elements: [Al, Si]}
potential:
  cutoff: 5.5
  ace: {max_order: 3, degrees: [14, 12, 10]}
sampling:
  walkers: 4
  ensemble: npt
  temperature_k: {ramp: [300, 2000]}
  pressure_gpa: 0.0
bias: {tau_rel: 0.15}
trigger: {tolerance: 0.3, eps: 0.2}
stop: {labels: 220, no_trigger_rounds: 3}
seed: 7
"""


def learning_report(seed: int = 0, n_rounds: int = 24, n_structures: int = 120) -> ReportData:
    """All sections, for AlSi cells of 32 atoms."""
    rng = np.random.default_rng(seed)
    trajectories = tuple(_trajectory(rng, r, w) for r in range(n_rounds) for w in range(4))
    parities = tuple(
        _parity(rng, quantity, split)
        for split in ("train", "test")
        for quantity in ("energy", "forces", "stress")
    )
    return ReportData(
        title="AlSi10 by hyperactive learning",
        summary=(
            "Linear ACE (order 3, 412 functions, cutoff 5.5 Å) with ZBL repulsion for Al and Si, "
            "learned from 10 random fcc cells against MEAM (LAMMPS)."
        ),
        created="2026-11-21",
        errors=tuple(_error_rows(rng)),
        parity=parities,
        trajectories=trajectories,
        calibration=(_calibration(rng, "forces", 6000), _calibration(rng, "energy", 60)),
        coefficients=_coefficients(rng),
        pair_curves=(_pair("Al", "Al", 2.21), _pair("Al", "Si", 2.13), _pair("Si", "Si", None)),
        learning_curve=tuple(_learning_points(rng, n_rounds)),
        timings=(
            Timing("sampling", 1485.0, 96),
            Timing("labels (MEAM)", 212.0, 223),
            Timing("fit", 96.5, 24),
            Timing("assembly of the design matrix", 260.2, 24),
            Timing("selection", 3.4, 24),
            Timing("report", 11.0, 1),
        ),
        selection=tuple(_selected(t, rng) for t in trajectories),
        structures=tuple(_alloy(rng, i, n_rounds) for i in range(n_structures)),
        settings=SETTINGS,
        versions={"atomsmith": "0.1.0", "python": "3.11.2", "numpy": "2.1.0", "lammps": "22Jul2025"},
    )


def fit_report(seed: int = 1) -> ReportData:
    """What ``atomsmith fit`` alone knows: errors, parity and a few molecules."""
    rng = np.random.default_rng(seed)
    return ReportData(
        title="Ethanol",
        summary="Linear ACE fitted to 40 configurations of ethanol.",
        errors=(
            ErrorRow("all", "train", 40, 0.9, 1.2, 0.031, 0.045),
            ErrorRow("all", "test", 20, 1.4, 1.9, 0.043, 0.066),
        ),
        parity=(_untyped(_parity(rng, "energy", "test")), _untyped(_parity(rng, "forces", "test", 90_000))),
        structures=tuple(_ethanol(rng, i) for i in range(12)),
        versions={"atomsmith": "0.1.0"},
    )


def _error_rows(rng: np.random.Generator) -> list[ErrorRow]:
    rows = []
    for split, factor, count in (("train", 1.0, 180), ("test", 1.25, 43)):
        for name, hardness in zip(("all", *TYPES), (1.0, 0.35, 0.6, 1.4, 0.9), strict=True):
            e, f, s = factor * hardness * np.array([2.1, 0.062, 0.21]) * rng.uniform(0.95, 1.05, 3)
            n = count if name == "all" else count // 4
            rows.append(ErrorRow(name, split, n, 0.72 * e, e, 0.74 * f, f, 0.7 * s, s, n_atoms=32 * n))
    return rows


def _parity(rng: np.random.Generator, quantity: str, split: str, n: int = 6000) -> Parity:
    count = {"energy": 180, "forces": n, "stress": 1080}[quantity] // (1 if split == "train" else 3)
    codes = rng.integers(0, len(TYPES), count)
    scales = {"energy": (0.12, 0.0022, -3.35), "forces": (0.9, 0.07, 0.0), "stress": (4.0, 0.3, 2.0)}
    width, noise, centre = scales[quantity]
    hardness = np.array([0.3, 0.6, 1.5, 1.0])[codes]
    reference = centre + width * (0.35 + hardness) * rng.normal(size=count) + 0.1 * width * codes
    predicted = reference + noise * hardness * rng.standard_t(4, count) * (1.0 if split == "train" else 1.3)
    return Parity(quantity, split, reference, predicted, codes, TYPES)


def _untyped(parity: Parity) -> Parity:
    return Parity(parity.quantity, parity.split, parity.reference, parity.predicted)


def _trajectory(rng: np.random.Generator, number: int, walker: int) -> Trajectory:
    n = int(rng.integers(60, 900) * (1.0 + number / 12.0))
    step = np.arange(0, n, 2, dtype=np.float64)
    drift = np.linspace(np.log(0.05), np.log(0.29), len(step)) + 0.22 * rng.normal(size=len(step))
    f = np.exp(np.minimum(drift, np.log(0.295)))
    reason = str(rng.choice(REASONS, p=[0.7, 0.2, 0.06, 0.04]))
    if reason == "uncertainty":
        f[-1] = rng.uniform(0.301, 0.4)
    f[1::5] = np.nan
    t = 300.0 + 70.0 * number * np.linspace(0.4, 1.0, len(step)) + 45.0 * rng.normal(size=len(step))
    tau = 0.6 * (1.0 - np.exp(-step / 120.0)) * (1.0 + 0.1 * walker)
    sigma = 0.02 * f / 0.1 * np.exp(0.1 * rng.normal(size=len(step)))
    pressure = 0.9 * rng.normal(size=len(step)) + 0.4
    return Trajectory(
        number, walker, step, f, t, pressure, tau, np.where(np.isfinite(sigma), sigma, np.nan), 0.3, reason,
        start=f"fcc-{walker:02d}",
    )  # fmt: skip


def _calibration(rng: np.random.Generator, quantity: str, n: int) -> Calibration:
    scale = {"forces": 0.06, "energy": 0.002}[quantity]
    std = scale * np.exp(0.6 * rng.normal(size=n))
    return Calibration(quantity, "test", std, 1.25 * std * rng.normal(size=n), {"log likelihood": 1.31})


def _coefficients(rng: np.random.Generator) -> Coefficients:
    orders, degrees = [], []
    for order, count, most in ((0, 36, 18), (1, 48, 18), (2, 160, 14), (3, 420, 12)):
        orders += [order] * count
        degrees += sorted(rng.integers(max(order, 1), most + 1, count).tolist())
    order, degree = np.array(orders), np.array(degrees)
    size = 2.0 * np.exp(-0.35 * degree - 0.8 * order) * np.abs(rng.normal(size=len(order)))
    return Coefficients(order, degree, size, "scaled by the RMS of each feature over the training data, eV")


def _pair(a: str, b: str, shortest: float | None) -> PairCurve:
    r = np.linspace(0.4, 5.5, 300)
    s = np.clip((r - 0.9) / 1.1, 0.0, 1.0)
    step = s**3 * (10.0 - 15.0 * s + 6.0 * s**2)
    zbl = 900.0 * np.exp(-2.6 * r) / r * (1.0 - step)
    morse = 0.35 * (np.exp(-3.0 * (r - 2.75)) - 2.0 * np.exp(-1.5 * (r - 2.75)))
    energy = zbl + morse * step * np.clip(1 - (r / 5.5) ** 2, 0, 1) ** 2
    return PairCurve((a, b), r, energy, None, zbl, shortest)


def _learning_points(rng: np.random.Generator, n_rounds: int) -> list[LearningPoint]:
    points = []
    for number in range(n_rounds + 1):
        n = 10 + 9 * number
        decay = (10 / n) ** 0.7
        e, f = 9.0 * decay * rng.uniform(0.9, 1.1), 0.42 * decay * rng.uniform(0.93, 1.07)
        functions = 120 if number < 6 else 250 if number < 13 else 412
        points.append(LearningPoint(number, n, e, f, 0.6 * e, 0.7 * f, functions))
    return points


def _selected(trajectory: Trajectory, rng: np.random.Generator) -> SelectedConfiguration:
    draw = rng.uniform()
    status = "failed" if draw < 0.04 else "not selected" if draw < 0.3 else "labelled"
    detail = "SCF not converged in 250 iterations" if status == "failed" else ""
    return SelectedConfiguration(
        trajectory.round, trajectory.walker, trajectory.reason, status,
        int(trajectory.step[-1]), float(np.nanmax(trajectory.largest_f)), detail,
    )  # fmt: skip


def _alloy(rng: np.random.Generator, index: int, n_rounds: int) -> Structure:
    a = 4.05 * (1.0 + 0.03 * rng.normal())
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    corners = np.array([[i, j, k] for i in range(2) for j in range(2) for k in range(2)])
    fractional = (corners[:, None, :] + basis[None, :, :]).reshape(-1, 3) / 2.0
    cell = 2.0 * a * (np.eye(3) + 0.03 * rng.normal(size=(3, 3)))
    disorder = 0.05 + 0.6 * index / 120.0
    numbers = np.full(32, 13)
    numbers[rng.choice(32, 3, replace=False)] = 14
    kind = TYPES[min(3, int(4 * index / 120))]
    return Structure(
        f"{kind}-{index:03d}", numbers, fractional @ cell + disorder * rng.normal(size=(32, 3)), cell, kind,
        "test" if index % 5 == 0 else "train", index * n_rounds // 120,
        -3.45 + 0.25 * disorder + 0.01 * rng.normal(), 0.3 + 2.5 * disorder + 0.1 * abs(rng.normal()),
        {"pressure (GPa)": float(2.0 * rng.normal())},
    )  # fmt: skip


def _ethanol(rng: np.random.Generator, index: int) -> Structure:
    positions = np.array(
        [[1.17, -0.41, 0.0], [-0.05, 0.55, 0.0], [-1.22, -0.22, 0.0], [2.11, 0.16, 0.0], [1.13, -1.05, 0.89],
         [1.13, -1.05, -0.89], [-0.03, 1.19, 0.89], [-0.03, 1.19, -0.89], [-1.99, 0.36, 0.0]]
    )  # fmt: skip
    numbers = np.array([6, 6, 8, 1, 1, 1, 1, 1, 1])
    moved = positions + 0.06 * rng.normal(size=positions.shape)
    energy = -4.5 + 0.02 * rng.normal()
    return Structure(f"ethanol {index}", numbers, moved, None, "300 K", "train", None, energy, 2.0)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    print(write_report(learning_report(), target / "learning"))
    print(write_report(fit_report(), target / "fit"))
