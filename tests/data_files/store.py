"""Write a potential and its numbers in the present format version; refuses to touch what is there."""

import json
from pathlib import Path

import numpy as np

from atomsmith.potential import FORMAT_VERSION
from potentials import make_potential
from test_potential import results, structures

target = Path(__file__).parent / f"potential_v{FORMAT_VERSION}.json"
if target.exists():
    raise SystemExit(f"{target} exists; stored potentials are never written again.")
potential, systems = make_potential(seed=11, members=3, degrees=(1.0, 2.0, 1.0)), structures()
potential.plan["parts"][-1]["strength"] = np.array([1.0, 1.5, 1.5, 2.0])
potential.save(target)
numbers = {
    name: getattr(systems, name).tolist() for name in ("numbers", "positions", "cells", "pbc", "first")
}
numbers["results"] = {name: values.tolist() for name, values in results(potential, systems).items()}
target.with_name(f"potential_v{FORMAT_VERSION}_numbers.json").write_text(json.dumps(numbers) + "\n")
