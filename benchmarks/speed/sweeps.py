"""Operations, bytes and time of each sweep of a prediction, and the share of the processor's peak it reaches.

    python -m benchmarks.speed.sweeps [--json sweeps.json]

The model and the atoms are those of `benchmarks.speed.snap`. Multiply-adds are counted for neighbours within
the cutoff only (not for the padding of vectors), so the share says how much of the machine does useful work.
A sweep's time is the difference between plans that have it and plans that do not. Bytes are those that the
kernels load and store, nearly all of them in the first- and second-level cache. Needs a C++ compiler (CXX,
default c++).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Potential, _engine
from atomsmith.evaluator import PlanEvaluator
from atomsmith.neighbours import NeighbourList
from atomsmith.systems import Systems
from benchmarks.speed.crystals import systems_of
from benchmarks.speed.silicon import CUTOFF, crystal, fitted_ace
from benchmarks.timing import interleaved, machine, parser, write

EMPTY_CENTRE = {
    "first_feature": 0,
    "n_features": 0,
    "nodes": np.zeros((0, 2), np.int32),
    "terms": np.zeros((0, 2), np.int32),
    "feature_start": np.zeros(1, np.int32),
    "feature_term": np.zeros(0, np.int32),
    "feature_coefficient": np.zeros(0),
}


def peak() -> float:
    """Giga multiply-adds per second of one core, by benchmarks/peak.cpp."""
    source = Path(__file__).parents[1] / "peak.cpp"
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder) / "peak")
        compiler = os.environ.get("CXX", "c++")
        subprocess.run([compiler, "-O3", "-march=native", "-std=c++20", "-o", program, source], check=True)
        return float(subprocess.run([program], check=True, capture_output=True, text=True).stdout)


def reduced_plans(plan: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plan without the ACE but with its radial functions, and plan whose ACE has a basis but no products."""
    radial, basis = [], []
    for part in plan["parts"]:
        if part["kind"] != "ace":
            radial.append(part)
            basis.append(part)
            continue
        table = part["radial"]
        radial.append(
            {
                "kind": "pair",
                "n_features": table["n"],
                "radial": table,
                "first_feature": np.zeros(1, np.int32),
            }
        )
        basis.append(part | {"n_features": 0, "centres": [EMPTY_CENTRE]})
    return plan | {"parts": radial}, plan | {"parts": basis}


def operations(
    potential: Potential, products: int, inside: float, listed: float
) -> dict[str, dict[str, float]]:
    """Multiply-adds and bytes of each sweep per atom, counted from the loops of cpp/engine."""
    ace = next(part for part in potential.plan["parts"] if part["kind"] == "ace")
    pair = next(part for part in potential.plan["parts"] if part["kind"] == "pair")
    l_max, count = ace["l_max"], ace["radial_count"]
    channels = int(np.sum((2 * np.arange(l_max + 1) + 1) * count))
    nodes = len(ace["centres"][0]["nodes"])
    half = (l_max + 1) * (l_max + 2) // 2  # (l, m >= 0)
    half_channels = int(np.sum((np.arange(l_max + 1) + 1) * count))
    # The basis sweep takes two m at a time: it loads the radial functions once and two harmonics.
    basis_loads = int(np.sum((np.arange(l_max + 1) + 1) * (count + 2)))
    radial = ace["radial"]["n"] + pair["radial"]["n"]
    return {
        "gather and radial functions": {
            # recurrence of value and derivative, times the envelope; envelope and transform of two tables
            "multiply_adds": inside * (9 * radial + 2 * 40 + 15),
            "bytes": listed * (4 + 24) + inside * 8 * (2 * radial + 8),
        },
        "basis": {
            # harmonics, then one for each channel
            "multiply_adds": inside * (4 * half + channels),
            "bytes": inside * 8 * (2 * half + (l_max + 1) ** 2 + basis_loads) + 3 * 8 * channels,
        },
        "coupling": {
            # value and adjoint of each product; a node is made once and passed on twice
            "multiply_adds": 2.0 * products + 3.0 * nodes,
            "bytes": (3 * 8 + 12 / _engine.lanes()) * products + 7 * 8.0 * nodes,
        },
        "forces": {
            # harmonics; two radial sums a channel; derivatives of each (l, m); projection, pair, virial
            "multiply_adds": inside * (2 * half + 2 * channels + 12 * half + 2 * pair["radial"]["n"] + 40),
            "bytes": inside * 8 * (4 * half + 2 * half_channels + channels / _engine.lanes())
            + inside * 2 * 24,
        },
    }


def measure(potential: Potential, systems: Systems, repeats: int) -> tuple[dict[str, float], int]:
    """Microseconds per atom of each sweep, and the number of products."""
    radial_plan, basis_plan = reduced_plans(potential.plan)
    radial, basis, full = (PlanEvaluator(p, skin=1.0) for p in (radial_plan, basis_plan, potential.plan))
    nothing = basis.weights(np.zeros((1, basis.model.n_features)))
    everything = full.weights(potential.coefficients[None])
    actions: dict[str, Callable[[], object]] = {
        "radial": lambda: radial.feature_sums(systems),
        "basis": lambda: basis.feature_sums(systems),
        "basis and forces": lambda: basis.predict_sets(systems, nothing),
        "full": lambda: full.predict_sets(systems, everything),
    }
    seconds = interleaved(actions, repeats)
    t = {name: 1e6 * float(np.median(values)) / systems.n_atoms for name, values in seconds.items()}
    sweeps = {
        "gather and radial functions": t["radial"],
        "basis": t["basis"] - t["radial"],
        "coupling": t["full"] - t["basis and forces"],
        "forces": t["basis and forces"] - t["basis"],
    }
    return sweeps, everything.n_products


def neighbours_within(systems: Systems, reach: float) -> float:
    """Mean number of neighbours within ``reach`` angstrom."""
    pairs = NeighbourList(reach, 0.0)
    pairs.update(systems)
    return len(pairs.neighbour) / systems.n_atoms


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=8, help="unit cells along each axis; 8 size^3 atoms")
    arguments.add_argument("--degree", type=float, default=12.0, help="total degree of the ACE")
    options = arguments.parse_args()
    potential, _ = fitted_ace(options.degree)
    systems = systems_of(crystal(options.size, 1))
    times, products = measure(potential, systems, options.repeats)
    inside, listed = neighbours_within(systems, CUTOFF), neighbours_within(systems, CUTOFF + 1.0)
    counts, rate = operations(potential, products, inside, listed), peak()
    print(f"{inside:.1f} neighbours within the cutoff, {listed:.1f} in the list; {products} products")
    print(f"peak of one core {rate:.1f} giga multiply-adds/s\n")
    print(f"{'per atom':32}{'multiply-adds':>14}{'bytes':>9}{'floor us':>10}{'us':>8}{'share':>8}")
    sweeps = {}
    for name, count in counts.items():
        floor = count["multiply_adds"] / (1e3 * rate)
        sweeps[name] = count | {"floor_us": floor, "us": times[name], "share_of_peak": floor / times[name]}
    whole = {
        key: sum(sweep[key] for sweep in sweeps.values())
        for key in ("multiply_adds", "bytes", "floor_us", "us")
    }
    sweeps["all"] = whole | {"share_of_peak": whole["floor_us"] / whole["us"]}
    for name, row in sweeps.items():
        print(
            f"{name:32}{row['multiply_adds']:14.0f}{row['bytes']:9.0f}{row['floor_us']:10.2f}{row['us']:8.2f}"
            f"{100 * row['share_of_peak']:6.0f} %"
        )
    write(
        options.json,
        {
            "machine": machine(),
            "peak_giga_multiply_adds": rate,
            "products": products,
            "neighbours": inside,
            "sweeps": sweeps,
        },
    )


if __name__ == "__main__":
    main()
