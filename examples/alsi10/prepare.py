"""Write the ten starts of the AlSi10 example: random fcc alloys of 29 Al and 3 Si atoms, slightly rattled.

python examples/alsi10/prepare.py
"""

from pathlib import Path

import numpy as np

from atomsmith import Dataset
from atomsmith.builders import random_fcc_alloy, rattled

LATTICE_CONSTANT = 4.05  # angstrom


def main() -> None:
    """Write starts.xyz beside this file."""
    rng = np.random.default_rng(10)
    starts = [
        rattled(random_fcc_alloy({"Al": 29, "Si": 3}, LATTICE_CONSTANT, rng, config_type="solid"), 0.05, rng)
        for _ in range(10)
    ]
    path = Path(__file__).parent / "starts.xyz"
    Dataset(starts).write(path)
    print(f"wrote {len(starts)} structures to {path}")


if __name__ == "__main__":
    main()
