"""What the weight of virials does to terms that are trained: errors on configurations held out.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.pairs.virials Si ACE [--share 1.0] [--seeds 0 1]

Embeddings and networks of `benchmarks.pairs.run` with a tenth of the weight of forces, with what fits settle
by themselves, and with the same weight. Every fifth configuration of the training set (of ``--share`` of it)
is held out; the test set is not touched. ``--seeds`` draw where trainings begin and what ends them.
"""

from __future__ import annotations

import argparse
import time

from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.weights import Weights
from atomsmith.model import ModelSettings, TermSettings
from benchmarks.pairs.held_out import held_out, judged
from benchmarks.pairs.run import DESCRIPTORS, REGRESSORS

WEIGHTS = ("0.1", "settled", "1")
TRAINED = ("embedding", "network")


def main() -> None:
    """Print a line for every regressor, seed and weight."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("element")
    options.add_argument("descriptor", choices=list(DESCRIPTORS))
    options.add_argument("--share", type=float, default=1.0, help="of the training set")
    options.add_argument("--only", choices=TRAINED, nargs="+", default=TRAINED)
    options.add_argument("--virial", nargs="+", default=WEIGHTS, help="weights of virials, or settled")
    options.add_argument("--seeds", type=int, nargs="+", default=[0])
    given = options.parse_args()
    train, judges = held_out(given.element, given.share)
    print(f"{given.element}, {given.descriptor}: {len(train)} configurations, {len(judges)} held out")
    for regressor in given.only:
        chosen, size = REGRESSORS[regressor]
        term = TermSettings(descriptor=DESCRIPTORS[given.descriptor][size], regressor=chosen)
        for seed in given.seeds:
            for weight in given.virial:
                settings = PotentialSettings(
                    model=ModelSettings(terms=(term,)),
                    weights=Weights(virial=None if weight == "settled" else float(weight)),
                    committee=0,
                    calibrate=False,
                    seed=seed,
                )
                began = time.process_time()
                (energy, forces, stress), used = judged(settings, train, judges)
                print(
                    f"{regressor}, seed {seed}, virials {weight} ({used:.3f}): "
                    f"{energy:.2f} meV/atom {forces:.4f} eV/A {stress:.3f} GPa "
                    f"{time.process_time() - began:.0f} s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
