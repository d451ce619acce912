"""Small configurations, and the folder of real data where the environment names it."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from atomsmith.data import Configuration

Maker = Callable[..., Configuration]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    root = os.environ.get("ATOMSMITH_DATA")
    if not root:
        pytest.skip("ATOMSMITH_DATA is not set: the folder with the DFT sets is not here")
    return Path(root) / "data"


@pytest.fixture
def make() -> Maker:
    """A function from a seed to a labelled configuration of an alloy in a skewed cell."""

    def configuration(seed: int = 0, n_atoms: int = 5, **changes: object) -> Configuration:
        rng = np.random.default_rng(seed)
        fields: dict[str, object] = {
            "numbers": rng.choice([13, 14], n_atoms),
            "positions": rng.normal(scale=4.0, size=(n_atoms, 3)),
            "cell": 6.0 * np.eye(3) + rng.normal(scale=0.3, size=(3, 3)),
            "pbc": np.ones(3, bool),
            "energy": float(rng.normal()),
            "forces": rng.normal(size=(n_atoms, 3)),
            "stress": rng.normal(scale=0.1, size=6),
        }
        return Configuration(**(fields | changes))  # type: ignore[arg-type]

    return configuration
