"""Compare the ratios of a run of the benchmarks with those of a stored run, and mark what became worse.

    python -m benchmarks.compare FOLDER [--write]

FOLDER holds what the benchmarks wrote with --json, as `make benchmark` leaves it. Only ratios that were
measured within one run are compared: they survive a change of machine or load far better than times.
`--write` makes this run the new benchmarks/baseline.json. The exit code is 1 where a ratio became worse by
more than 15 %.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE = 0.15

# Name of the ratio: file, keys, and whether more is better.
RATIOS: dict[str, tuple[str, str, bool]] = {
    "snap / ACE": ("snap", "dynamics/times_faster", True),
    "biased by the committee / plain": ("snap", "predictions/ratio_to_plain/biased_committee", False),
    "biased by the posterior / plain": ("snap", "predictions/ratio_to_plain/biased_posterior", False),
    "8 members / plain": ("snap", "predictions/ratio_to_plain/members", False),
    "8 members and mean / plain": ("snap", "predictions/ratio_to_plain/members_and_mean", False),
    "float64 / float32": ("snap", "predictions/single_times_faster", True),
    "share of peak, radial": ("sweeps", "sweeps/gather and radial functions/share_of_peak", True),
    "share of peak, basis": ("sweeps", "sweeps/basis/share_of_peak", True),
    "share of peak, coupling": ("sweeps", "sweeps/coupling/share_of_peak", True),
    "share of peak, forces": ("sweeps", "sweeps/forces/share_of_peak", True),
    "FitSNAP / rows, 56 columns": ("design", "models/56 columns/times_faster", True),
    "FitSNAP / rows, 496 columns": ("design", "models/496 columns/times_faster", True),
    "pair_style pace / ours, copper": ("pace", "race/rows/Cu/times_faster", True),
    "pair_style pace / ours, molybdenum": ("pace", "race/rows/Mo, 600/times_faster", True),
    "LAMMPS / engine": ("speed", "lammps_over_engine", False),
    "SNAP / ACE in LAMMPS": ("speed", "over_plain/snap", True),
    "biased / plain in LAMMPS": ("speed", "over_plain/bias", False),
    "relative bias / plain in LAMMPS": ("speed", "over_plain/relative", False),
    "f_i of 8 members / plain in LAMMPS": ("speed", "over_plain/uncertainty", False),
    "two ranks, on the wall": ("ranks", "scaling/two_ranks_times_faster", True),
    "two threads, by processor time": ("threads", "times_faster/by_processor_time", True),
}


def lookup(numbers: Any, path: str) -> float:
    """The number under keys that are joined by slashes."""
    for key in path.split("/"):
        numbers = numbers[key]
    return float(numbers)


def ratios_of(folder: Path) -> dict[str, float]:
    """Every ratio whose benchmark has left its numbers in the folder."""
    found = {}
    for name, (file, path, _) in RATIOS.items():
        source = folder / f"{file}.json"
        if source.exists():
            found[name] = lookup(json.loads(source.read_text()), path)
    return found


def worse(name: str, found: float, before: float) -> bool:
    """Whether a ratio is worse than before by more than the tolerance."""
    more_is_better = RATIOS[name][2]
    return (before / found if more_is_better else found / before) > 1.0 + TOLERANCE


def show(found: Mapping[str, float], before: Mapping[str, float]) -> list[str]:
    """Print the table; names of what became worse."""
    regressions = [
        name for name, value in found.items() if name in before and worse(name, value, before[name])
    ]
    print(f"{'ratio':36}{'baseline':>10}{'now':>10}")
    for name, value in found.items():
        old = f"{before[name]:10.2f}" if name in before else f"{'':10}"
        print(f"{name:36}{old}{value:10.2f}{'   WORSE' if name in regressions else ''}")
    return regressions


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path, help="where the benchmarks' JSON files are")
    arguments.add_argument("--write", action="store_true", help="make this run the baseline")
    options = arguments.parse_args()
    found = ratios_of(options.folder)
    if not found:
        raise SystemExit(f"{options.folder} holds no numbers of a benchmark; run make benchmark")
    before = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    regressions = show(found, before)
    if options.write:
        rounded = {name: round(value, 3) for name, value in (before | found).items()}
        BASELINE.write_text(json.dumps(rounded, indent=1) + "\n", encoding="utf-8")
    elif regressions:
        raise SystemExit(f"{len(regressions)} ratios are worse by more than {100 * TOLERANCE:.0f} %")


if __name__ == "__main__":
    main()
