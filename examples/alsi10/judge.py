"""Judge a potential of AlSi10 on the ground truth's dynamics, and on its own.

python examples/alsi10/judge.py run/potential.json          (needs test.xyz of ground_truth.py)
python examples/alsi10/judge.py --fit other.xyz             (fits learn.yaml's model to a file first)

Prints, by phase and temperature, the mean and the scatter of the energy error and the error of the forces: on
the configurations of test.xyz, then on those that its own dynamics makes of them within 1.5 ps at no
pressure.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml
from ground_truth import REFERENCE

from atomsmith import Dataset, Potential, fit
from atomsmith.data.configuration import Configuration
from atomsmith.fitting import metrics
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.reference import label
from atomsmith.sampling import SamplingSettings
from atomsmith.sampling.snapshots import sample

HERE = Path(__file__).parent
STEPS, BURN_IN, EVERY = 750, 300, 150


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("potential", nargs="?", type=Path)
    parser.add_argument("--fit", type=Path, help="fit to this file instead")
    arguments = parser.parse_args()
    if arguments.fit is not None:
        model = yaml.safe_load((HERE / "learn.yaml").read_text())["potential"]
        potential = fit(Dataset.read(arguments.fit), PotentialSettings.model_validate(model))
    else:
        potential = Potential.load(arguments.potential)
    test = Dataset.read(HERE / "test.xyz")
    for name in test.config_types:
        chosen = [c for c in test if c.config_type == name]
        print(f"{name:15s} its dynamics: {errors(potential, chosen)}", flush=True)
        own = dynamics(potential, chosen[::2], float(name.split(",")[1].removesuffix("K")))
        print(f"{'':15s} own dynamics: {errors(potential, own)}", flush=True)


def errors(potential: Potential, labelled: Sequence[Configuration]) -> str:
    """Mean and scatter of the energy error, and the root mean square error of the forces."""
    found = metrics.errors(labelled, potential.predict(labelled)).total
    assert found.energy is not None
    assert found.forces is not None
    return (
        f"{len(labelled)} configurations, energy {found.energy.mean:6.1f} +- {found.energy.scatter:5.1f} "
        f"meV/atom, forces {found.forces.rmse:.3f} eV/angstrom"
    )


def dynamics(
    potential: Potential, starts: Sequence[Configuration], temperature_k: float
) -> list[Configuration]:
    """Snapshots of the potential's own dynamics, labelled by the ground truth."""
    settings = SamplingSettings.model_validate(
        {
            "timestep_fs": 2.0,
            "temperature_k": temperature_k,
            "max_steps": STEPS,
            "record_every": EVERY,
            "pressure_gpa": 0.0,
            "cell_moves": {"kinds": ["volume"], "every": 10},
            "bias": None,
            "trigger": None,
        }
    )
    found, _ = sample(starts, potential.evaluator(), settings, seed=1, burn_in_steps=BURN_IN)
    with TemporaryDirectory() as folder:
        labelled = [label(c, REFERENCE, Path(folder)).configuration for c in found]
    return [c for c in labelled if c is not None]


if __name__ == "__main__":
    main()
