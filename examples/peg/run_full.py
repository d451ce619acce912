"""Learn a potential for PEG from chains of 2 to 4 monomers and judge it on independent chains of 6.

Every part writes its result to the folder and is skipped when the result is there: stop it in any way and
start it again to go on. In the background, with a log:

    nohup python examples/peg/run_full.py runs/peg > runs/peg.log 2>&1 &
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

import numpy as np
from figure import draw

from atomsmith import Dataset, Potential, fit
from atomsmith.builders import intact_bonds, peg_bonds, peg_chain, rattled
from atomsmith.cli.learn import observer
from atomsmith.cli.output import write_json
from atomsmith.data import Store
from atomsmith.fitting.metrics import errors
from atomsmith.fitting.settings import ReferenceEnergies
from atomsmith.learning.loop import learn
from atomsmith.learning.results import write_run_report
from atomsmith.learning.settings import LearnSettings
from atomsmith.reference.force_field import ReferenceForceField
from atomsmith.sampling import SamplingSettings
from atomsmith.sampling.snapshots import sample
from atomsmith.settings_file import load_settings

HERE = Path(__file__).parent
N_TEST = 6
TEMPERATURES_K = (300.0, 500.0)


def unbiased(**settings: float) -> SamplingSettings:
    return SamplingSettings.model_validate({"bias": None, "trigger": None, **settings})


def make_starts(path: Path) -> None:
    """Twelve chains of 2, 3 and 4 monomers with random dihedral angles, rattled."""
    rng = np.random.default_rng(0)
    Dataset([rattled(peg_chain(n, rng), 0.05, rng) for n in [2, 3, 4] * 4]).write(path)


def make_test_set(path: Path, settings: LearnSettings) -> None:
    """Snapshots 100 fs apart of 0.8 ps of GFN2-xTB dynamics of independent chains, 0.3 ps burn-in."""
    rng = np.random.default_rng(1000)
    kept = []
    for temperature in TEMPERATURES_K:
        chains = [peg_chain(N_TEST, rng, config_type=f"n = 6, {temperature:.0f} K") for _ in range(4)]
        with ReferenceForceField(settings.reference, chains[0].numbers, path.parent) as force_field:
            dynamics = unbiased(
                timestep_fs=1.0,
                temperature_k=temperature,
                friction_per_fs=0.02,
                max_steps=800,
                record_every=100,
            )
            kept += sample(chains, force_field, dynamics, seed=int(temperature), burn_in_steps=300)[0]
        print(f"test set: {len(kept)} configurations up to {temperature:.0f} K", flush=True)
    Dataset(kept).write(path)


def learning_curve(folder: Path, settings: LearnSettings, test: Dataset) -> list[dict[str, float]]:
    """Errors on the test set of the same model fitted to the first labels of the run."""
    with Store.open(folder / "run") as store:
        isolated = store.get("isolated_atoms")
    learned = sorted(Dataset.read(folder / "run" / "dataset.xyz"), key=lambda c: int(c.info["id"]))
    model = settings.potential.model_copy(update={"reference_energies": ReferenceEnergies(values=isolated)})
    curve = []
    for n in sorted(
        {n for n in (12, 20, 30, 45, 60, 90, 120, 180, 240, 360) if n < len(learned)} | {len(learned)}
    ):
        potential = fit(Dataset(learned[:n]), model)
        total = errors(test, potential.predict(test)).total
        curve.append({"labels": n, "energy": total.energy.rmse, "forces": total.forces.rmse})
        print(
            f"{n} labels: {total.energy.rmse:.2f} meV/atom, {total.forces.rmse:.3f} eV/angstrom", flush=True
        )
    return curve


def run_dynamics(potential: Potential, time_ps: float, chains: int, seed: int) -> dict[str, object]:
    """Chains of 6 monomers at 500 K with 0.5 fs; bonds are looked at every 50 fs."""
    rng = np.random.default_rng(seed)
    starts = [peg_chain(N_TEST, rng) for _ in range(chains)]
    steps = round(2000 * time_ps)
    dynamics = unbiased(timestep_fs=0.5, temperature_k=500.0, max_steps=steps, record_every=100)
    began = time.perf_counter()
    kept, result = sample(starts, potential.evaluator(), dynamics, seed=seed)
    first, second = peg_bonds(N_TEST).T
    lengths = np.array(
        [np.linalg.norm(c.positions[first] - c.positions[second], axis=1) for c in [*starts, *kept]]
    )
    stretch = (lengths[chains:] / lengths[0]).max(axis=1)
    ends = [np.linalg.norm(c.positions[1] - c.positions[3 * N_TEST + 1]) for c in kept]
    of = [c.info["start"] for c in kept]
    return {
        "time_ps": time_ps,
        "chains": chains,
        "reached_ps": (0.0005 * result.walkers.step).tolist(),
        "intact": [
            all(intact_bonds(c.positions, N_TEST) for c in kept if c.info["start"] == k)
            for k in range(chains)
        ],
        "temperature_k": float(np.nanmean(result.trace["temperature_k"])),
        "time_of_record_ps": [0.0005 * c.info["step"] for c in kept],
        "chain_of_record": of,
        "largest_stretch": stretch.tolist(),
        "end_to_end": ends,
        "seconds": time.perf_counter() - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path("runs/peg"))
    parser.add_argument("--time-ps", type=float, default=100.0, help="Dynamics of each chain.")
    parser.add_argument("--chains", type=int, default=4, help="Chains in the dynamics.")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "learn.yaml", folder)
    settings = load_settings(folder / "learn.yaml", LearnSettings)
    if not (folder / "starts.xyz").exists():
        make_starts(folder / "starts.xyz")
    if not (folder / "test.xyz").exists():
        make_test_set(folder / "test.xyz", settings)
    test = Dataset.read(folder / "test.xyz")
    outcome = learn(settings, folder / "run", observer(settings))
    write_run_report(folder / "run", n_threads=settings.threads)
    potential = Potential.load(outcome.potential)
    found = errors(test, potential.predict(test))
    write_json(folder / "errors.json", found.to_dict())
    for name, one in [*found.by_type.items(), ("all", found.total)]:
        print(f"{name}: {one.energy.rmse:.2f} meV/atom, {one.forces.rmse:.3f} eV/angstrom (RMSE)", flush=True)
    for name, one in found.by_type.items():
        energy = one.energy
        print(
            f"{name}: energies shifted by {energy.mean:.2f}, scattered by {energy.scatter:.2f} meV/atom",
            flush=True,
        )
    if not (folder / "curve.json").exists():
        write_json(folder / "curve.json", learning_curve(folder, settings, test))
    if not (folder / "dynamics.json").exists():
        write_json(
            folder / "dynamics.json", run_dynamics(potential, arguments.time_ps, arguments.chains, seed=2000)
        )
    dynamics = json.loads((folder / "dynamics.json").read_text())
    print(
        f"dynamics at 500 K, {dynamics['chains']} chains, up to {dynamics['reached_ps']} ps: "
        f"{sum(dynamics['intact'])} intact, longest bond {max(dynamics['largest_stretch']):.2f} of its length"
    )
    draw(folder, potential, test)


if __name__ == "__main__":
    main()
