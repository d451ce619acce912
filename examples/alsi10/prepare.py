"""Write the ten starts of AlSi10: random fcc alloys of 29 Al and 3 Si atoms, strained and rattled.

Half of them are called liquid: learn.yaml melts these.

python examples/alsi10/prepare.py

The displacements grow from 0.05 to 0.14 angstrom, so that the first potential has seen short distances.
"""

from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.builders import random_fcc_alloy, rattled, strained

LATTICE_CONSTANT = 4.05  # angstrom


def main() -> None:
    """Write starts.xyz beside this file."""
    rng = np.random.default_rng(10)
    starts = []
    for k in range(10):
        phase = "liquid" if k % 2 else "solid"
        alloy = random_fcc_alloy({"Al": 29, "Si": 3}, LATTICE_CONSTANT, rng, config_type=phase)
        starts.append(rattled(strained(alloy, 0.03, rng), 0.05 + 0.01 * k, rng))
    path = Path(__file__).parent / "starts.xyz"
    Dataset(starts).write(path)
    print(f"wrote {len(starts)} structures to {path}")


if __name__ == "__main__":
    main()
