"""How many densities an embedding needs, and with which exponents: errors on configurations held out.

    ATOMSMITH_DATA=<folder of data/> python -m benchmarks.pairs.densities Si ACE [--share 0.3]

Embeddings of several sets of densities, and quadratic terms, of the smaller basis of `benchmarks.pairs.run`.
Every fifth configuration of the training set (of ``--share`` of it) is held out; the test set is not touched.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.weights import Weights
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.regressors import EmbeddingSettings, QuadraticSettings
from benchmarks.pairs.held_out import held_out, judged
from benchmarks.pairs.run import DESCRIPTORS

ROOTS, SQUARES = (0.5,), (2.0,)
CHOICES: dict[str, tuple[float, ...]] = {
    "linear, root": (1.0, *ROOTS),
    "linear, 3 roots": (1.0, *3 * ROOTS),
    "linear, 3 squares": (1.0, *3 * SQUARES),
    "linear, 3 roots, 3 squares": (1.0, *3 * ROOTS, *3 * SQUARES),
    "linear, 5 roots, 5 squares": (1.0, *5 * ROOTS, *5 * SQUARES),
}


def main() -> None:
    """Print a line for every choice."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("element")
    options.add_argument("descriptor", choices=list(DESCRIPTORS))
    options.add_argument("--share", type=float, default=0.3, help="of the training set")
    options.add_argument("--virial", type=float, help="weight of virials; by default as in every fit")
    given = options.parse_args()
    weights = Weights(virial=given.virial)
    train, judges = held_out(given.element, given.share)
    print(f"{given.element}, {given.descriptor}: {len(train)} configurations, {len(judges)} held out")
    regressors: dict[str, Any] = {"quadratic": QuadraticSettings(kind="quadratic")}
    for name, exponents in CHOICES.items():
        regressors[name] = EmbeddingSettings(kind="embedding", exponents=exponents)
    for name, regressor in regressors.items():
        term = TermSettings(descriptor=DESCRIPTORS[given.descriptor][0], regressor=regressor)
        model = ModelSettings(terms=(term,))
        began = time.process_time()
        settings = PotentialSettings(model=model, weights=weights, committee=0, calibrate=False)
        (energy, forces, stress), _ = judged(settings, train, judges)
        seconds = time.process_time() - began
        numbers = f"{energy:8.2f} meV/atom {forces:8.4f} eV/A {stress:6.2f} GPa"
        print(f"{name:28}{numbers} {seconds:6.0f} s", flush=True)


if __name__ == "__main__":
    main()
