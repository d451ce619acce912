"""Pair part and network in turn against either alone, on silicon after Stillinger and Weber.

    python -m benchmarks.kruglov.many_body [--cells 1000] [--epochs 100] [--rounds 8] [--seeds 0 1 2]
        [--first network] [--json F] [--figure F]

Random cells of 2 to 8 atoms and what they become on their way to the next minimum (see `silicon`), energies
from -4.3 to 0 eV/atom; 300 others, of another seed, test. The pair part has powers 1 to 15; the network is
Kruglov's, 50-70-1: 48 angular functions within 6 angstrom, volume per atom and degree of order. The network
alone gets as many epochs as all its turns together, from the same random start and with the same
configurations held out, and both keep their best moment. What the file after ``--json`` has is not computed
again. Needs LAMMPS and JAX.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Dataset, Potential
from atomsmith.descriptors import GlobalFeaturesSettings, InversePowersSettings, SymmetryFunctionsSettings
from atomsmith.descriptors.symmetry_functions import AngularFunction
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.fitting.trainers.in_turn import InTurnSettings
from atomsmith.fitting.trainers.training import TrainingState
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import NetworkSettings
from benchmarks.kruglov.silicon import cells

TEST_CELLS, TEST_SEED = 300, 2
CUTOFF = 6.0
PAIR = TermSettings(descriptor=InversePowersSettings())


def network(epochs: int, hidden: int = 70, members: int = 1) -> TermSettings:
    """Kruglov's many-body part."""
    angular = tuple(
        AngularFunction(eta=float(eta), sign=sign, zeta=zeta, narrow=False)
        for eta in np.geomspace(0.01, 0.5, 6)
        for sign in (-1.0, 1.0)
        for zeta in (1.0, 2.0, 4.0, 16.0)
    )
    return TermSettings(
        descriptor=SymmetryFunctionsSettings(
            kind="symmetry_functions", cutoff=CUTOFF, radial=(), angular=angular
        ),
        regressor=NetworkSettings(
            kind="network", hidden=(hidden,), members=members, epochs=epochs, patience=epochs
        ),
        global_features=GlobalFeaturesSettings(),
    )


def settings(
    terms: tuple[TermSettings, ...], in_turn: InTurnSettings | None = None, seed: int = 0
) -> PotentialSettings:
    """A potential of these terms alone over isolated atoms of no energy."""
    return PotentialSettings(
        model=ModelSettings(terms=terms, repulsion=None),
        reference_energies=ReferenceEnergies(values={"Si": 0.0}),
        committee=0,
        calibrate=False,
        training=in_turn,
        seed=seed,
    )


def report(potential: Potential, train: Dataset, test: Dataset, seconds: float) -> dict[str, Any]:
    """Errors and what is needed for a figure."""
    found: dict[str, Any] = {"seconds": seconds, "rounds": potential.metadata.get("in_turn", [])}
    for name, data in (("train", train), ("test", test)):
        predicted = potential.predict(data)
        total = errors(data, predicted).total
        assert total.energy is not None
        assert total.forces is not None
        found[name] = {"energy_mev_per_atom": total.energy.rmse, "forces_ev_per_angstrom": total.forces.rmse}
        if name == "test":
            atoms = np.array([len(c.numbers) for c in data])
            found["predicted"] = (predicted.energy / atoms).tolist()
            found["true"] = [c.energy / len(c.numbers) for c in data]
    return found


def models(epochs: int, rounds: int, first: str, seed: int) -> dict[str, PotentialSettings]:
    """What is compared; the network alone gets as many epochs as all rounds together.

    ``first`` says whose turn is the first of a round: that of the ``network`` or of the ``pair`` part.
    """
    terms = (network(epochs), PAIR) if first == "network" else (PAIR, network(epochs))
    return {
        "pair part alone": settings((PAIR,), seed=seed),
        "network alone": settings((network(epochs * rounds),), seed=seed),
        "in turn": settings(terms, InTurnSettings(rounds=rounds, tolerance=0.0), seed),
    }


def compare(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Fit all models with all seeds; reports by model and seed."""
    chosen = {name: getattr(options, name) for name in ("cells", "epochs", "rounds", "first")}
    found: dict[str, Any] = {"settings": chosen, "reports": {}}
    if options.json and options.json.exists():
        found = json.loads(options.json.read_text())
        if found["settings"] != chosen:
            raise SystemExit(f"{options.json} holds results of other settings; give another file.")
    reports: dict[str, dict[str, Any]] = found["reports"]
    train, test = cells(options.cells, seed=0), cells(TEST_CELLS, seed=TEST_SEED)
    for seed in options.seeds:
        for name, model in models(options.epochs, options.rounds, options.first, seed).items():
            of_model = reports.setdefault(name, {})
            if str(seed) in of_model or (name == "pair part alone" and of_model):  # it has nothing random
                continue
            start = time.process_time()
            potential = fit_model(train, model, training=_Lines(name)).potential
            of_model[str(seed)] = report(potential, train, test, time.process_time() - start)
            show(name, seed, of_model[str(seed)])
            if options.json:
                options.json.write_text(json.dumps(found, indent=1))
    return reports


def show(name: str, seed: int, one: Mapping[str, Any]) -> None:
    """Print the errors of a fit and of its rounds."""
    line = ", ".join(
        f"{kind} {one[kind]['energy_mev_per_atom']:.1f} meV/atom "
        f"{one[kind]['forces_ev_per_angstrom']:.3f} eV/A"
        for kind in ("train", "test")
    )
    print(f"{name}, seed {seed}: {line}, {one['seconds']:.0f} s", flush=True)
    for number, turn in enumerate(one["rounds"], 1):
        print(
            f"  round {number}: {turn['energy_rmse_mev_per_atom']:.1f} meV/atom, "
            f"{turn['forces_rmse_ev_per_angstrom']:.3f} eV/A, eta_2body {pair_share(turn):.3f}",
            flush=True,
        )


def summary(reports: Mapping[str, Mapping[str, Any]]) -> None:
    """Print means and standard deviations over the seeds."""
    for name, of_seed in reports.items():
        columns = []
        for kind in ("train", "test"):
            for key, digits in (("energy_mev_per_atom", 1), ("forces_ev_per_angstrom", 3)):
                columns.append(spread([one[kind][key] for one in of_seed.values()], digits))
        seconds = np.mean([one["seconds"] for one in of_seed.values()])
        print(f"| {name} ({len(of_seed)} seeds) | {' | '.join(columns)} | {seconds:.0f} s |")


def spread(values: Sequence[float], digits: int) -> str:
    """Mean, and standard deviation where there are several."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) < 2 else f"{mean} +- {np.std(values, ddof=1):.{digits}f}"


def pair_share(one: Mapping[str, Any]) -> float:
    """eta_2body of a round."""
    return float(next(share for name, share in one["energy_share"].items() if "inverse_powers" in name))


class _Lines:
    """Prints how far a training is, every hundred epochs."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, state: TrainingState) -> None:
        if state.done % 100 == 0:
            print(f"  {self.name}: {state.text}", flush=True)


def draw(reports: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    """Predicted against true energies of the test set, errors of all seeds, and the rounds."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.4), constrained_layout=True)
    colours = {"pair part alone": "#c98b3c", "network alone": "#7a5ea8", "in turn": "#0b6e8f"}
    for name, colour in colours.items():
        of_seed = list(reports[name].values())
        one, tests = of_seed[0], [each["test"] for each in of_seed]
        axes[0].plot(one["true"], one["predicted"], ".", ms=2.5, color=colour, label=name)
        axes[1].plot(
            [test["energy_mev_per_atom"] for test in tests],
            [test["forces_ev_per_angstrom"] for test in tests],
            "o",
            ms=5,
            color=colour,
            label=name,
        )
    ends = [min(one["true"]), max(one["true"])]
    axes[0].plot(ends, ends, "k-", lw=0.5)
    axes[0].set(xlabel="true energy, eV/atom", ylabel="predicted, eV/atom", title="test cells, first seed")
    axes[0].legend(frameon=False, markerscale=3)
    axes[1].set(xlabel="test RMSE, meV/atom", ylabel="test RMSE, eV/Å", title="a point for each seed")
    axes[1].set(xlim=(0.0, None), ylim=(0.0, None))
    axes[1].legend(frameon=False)
    share = axes[2].twinx()
    for of_seed in reports["in turn"].values():
        rounds = of_seed["rounds"]
        numbers = np.arange(1, len(rounds) + 1)
        energies = [turn["energy_rmse_mev_per_atom"] for turn in rounds]
        axes[2].plot(numbers, energies, "-o", color=colours["in turn"], ms=4)
        share.plot(numbers, [pair_share(turn) for turn in rounds], "--s", color="#555", ms=3)
    axes[2].set(xlabel="round", ylabel="training RMSE, meV/atom", ylim=(0.0, None), title="in turn")
    share.set(ylabel=r"$\eta_\mathrm{2body}$ (squares)")
    share.spines["right"].set_visible(True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Fit, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--first", choices=("network", "pair"), default="pair")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    reports = compare(options)
    summary(reports)
    if options.figure:
        draw(reports, options.figure)


if __name__ == "__main__":
    main()
