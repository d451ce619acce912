"""Extrapolation grades of the structures of silicon that docs/assessment.md compares.

    python -m benchmarks.assessment.grades silicon/fits/Si/ACE_100-*.json silicon

Prints the largest grade (MaxVol, `atomsmith.extrapolation`) of each structure by a fit of the assessment, and
the largest of the test set.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from atomsmith import Dataset, Potential
from atomsmith.assessment.structures import from_values
from atomsmith.extrapolation import ExtrapolationSettings, Grader, learn_extrapolation
from atomsmith.systems import Systems


def main(potential_file: Path, folder: Path) -> None:
    """Print grades."""
    data = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn"
    train, test = (Dataset.read(data / f"Si_{part}.xyz.gz") for part in ("train", "test"))
    plan = Potential.load(potential_file).plan
    grader = Grader(learn_extrapolation(ExtrapolationSettings(kind="maxvol"), plan, train, 1), plan)
    (item,) = (folder / "items" / "unseen" / "Si").glob("*.structures.json")
    structures = json.loads(item.read_text(encoding="utf-8"))["result"]["structures"]
    found = grader.systems(Systems.from_configurations([from_values(one) for one in structures.values()]))
    for name, grade in zip(structures, found, strict=True):
        print(f"{name:20s} {grade:.1f}")
    print(f"{'test set':20s} {grader.systems(Systems.from_configurations(list(test))).max():.1f}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
