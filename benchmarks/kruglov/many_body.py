"""Pair part and network in turn against either alone, on silicon after Stillinger and Weber.

    python -m benchmarks.kruglov.many_body [--cells 400] [--epochs 200] [--rounds 10] [--first pair]
        [--json F] [--figure F]

Random cells of 2 to 8 atoms and what they become on their way to the next minimum (see `silicon`), energies
from -4.3 to 0 eV/atom. The pair part has powers 1 to 15; the network is Kruglov's, 50-70-1: 48 angular
functions within 6 angstrom, volume per atom and degree of order. The network has the first turn, and alone as
many epochs as all its turns together. A fifth of the cells is kept for testing. Needs LAMMPS and JAX.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from atomsmith import Dataset, Potential
from atomsmith.descriptors import GlobalFeaturesSettings, InversePowersSettings, SymmetryFunctionsSettings
from atomsmith.descriptors.symmetry_functions import AngularFunction
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.in_turn import InTurnSettings
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import PotentialSettings, ReferenceEnergies
from atomsmith.fitting.training import TrainingState
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import NetworkSettings
from benchmarks.kruglov.silicon import cells

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
        regressor=NetworkSettings(kind="network", hidden=(hidden,), members=members, epochs=epochs),
        global_features=GlobalFeaturesSettings(),
    )


def settings(terms: tuple[TermSettings, ...], in_turn: InTurnSettings | None) -> PotentialSettings:
    """A potential of these terms alone over isolated atoms of no energy."""
    return PotentialSettings(
        model=ModelSettings(terms=terms, repulsion=None),
        reference_energies=ReferenceEnergies(values={"Si": 0.0}),
        committee=0,
        calibrate=False,
        training=in_turn,
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


def compare(count: int, epochs: int, rounds: int, first: str) -> dict[str, Any]:
    """Fit all models; the network alone gets as many epochs as all rounds together.

    ``first`` says whose turn is the first of a round: that of the ``network`` or of the ``pair`` part.
    """
    data = list(cells(count, seed=0))
    fifth = count // 5
    train, test = Dataset(data[fifth:]), Dataset(data[:fifth])
    turns = InTurnSettings(rounds=rounds, tolerance=1e-3)
    terms = (network(epochs), PAIR) if first == "network" else (PAIR, network(epochs))
    models = {
        "pair part alone": settings((PAIR,), None),
        "network alone": settings((network(epochs * rounds),), None),
        "in turn": settings(terms, turns),
    }
    found: dict[str, Any] = {}
    for name, chosen in models.items():
        start = time.process_time()
        potential = fit_model(train, chosen, training=_Lines(name)).potential
        found[name] = report(potential, train, test, time.process_time() - start)
        line = ", ".join(
            f"{kind} {found[name][kind]['energy_mev_per_atom']:.1f} meV/atom "
            f"{found[name][kind]['forces_ev_per_angstrom']:.3f} eV/A"
            for kind in ("train", "test")
        )
        print(f"{name}: {line}, {found[name]['seconds']:.0f} s", flush=True)
        for number, one in enumerate(found[name]["rounds"], 1):
            print(
                f"  round {number}: {one['energy_rmse_mev_per_atom']:.1f} meV/atom, "
                f"{one['forces_rmse_ev_per_angstrom']:.3f} eV/A, eta_2body {pair_share(one):.3f}",
                flush=True,
            )
    return found


def pair_share(one: dict[str, Any]) -> float:
    """eta_2body of a round."""
    return float(next(share for name, share in one["energy_share"].items() if "inverse_powers" in name))


class _Lines:
    """Prints how far a training is, every hundred epochs."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, state: TrainingState) -> None:
        if state.done % 100 == 0:
            print(f"  {self.name}: {state.text}", flush=True)


def draw(found: dict[str, Any], path: Path) -> None:
    """Predicted against true energies of the test set, and the rounds."""
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(1, 3, figsize=(11.0, 3.4), constrained_layout=True)
    colours = {"pair part alone": "#c98b3c", "network alone": "#7a5ea8", "in turn": "#0b6e8f"}
    for name, colour in colours.items():
        one = found[name]
        error = one["test"]["energy_mev_per_atom"]
        axes[0].plot(one["true"], one["predicted"], ".", ms=3, color=colour, label=f"{name}: {error:.0f}")
        axes[1].plot(
            one["true"],
            1e3 * np.abs(np.subtract(one["predicted"], one["true"])),
            ".",
            ms=3,
            color=colour,
        )
    ends = [min(found["in turn"]["true"]), max(found["in turn"]["true"])]
    axes[0].plot(ends, ends, "k-", lw=0.5)
    axes[0].set(xlabel="true energy, eV/atom", ylabel="predicted, eV/atom")
    axes[0].legend(title="RMSE, meV/atom", frameon=False, markerscale=3)
    axes[1].set(xlabel="true energy, eV/atom", ylabel="error, meV/atom", yscale="log")
    rounds = found["in turn"]["rounds"]
    numbers = np.arange(1, len(rounds) + 1)
    axes[2].plot(
        numbers, [one["energy_rmse_mev_per_atom"] for one in rounds], "-o", color=colours["in turn"], ms=4
    )
    axes[2].set(xlabel="round", ylabel="training RMSE, meV/atom", ylim=(0.0, None))
    share = axes[2].twinx()
    share.plot(numbers, [pair_share(one) for one in rounds], "--s", color="#555", ms=4)
    share.set(ylabel=r"$\eta_\mathrm{2body}$ (squares)")
    share.spines["right"].set_visible(True)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Fit, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--first", choices=("network", "pair"), default="network")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    found = compare(options.cells, options.epochs, options.rounds, options.first)
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))
    if options.figure:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
