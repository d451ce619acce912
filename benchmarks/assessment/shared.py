"""Errors of every potential on all snapshots that DFT has labelled in an assessment, whoever moved the atoms.

    python -m benchmarks.assessment.shared benchmarks/assessment/silicon.yaml silicon [--into DOCUMENT]

In the report each potential is judged where it went itself, on a few snapshots of its own. All potentials on
all of them are a comparison in which the choice of snapshots cancels. Nothing is asked of DFT here.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from atomsmith.assessment.motion import deviations
from atomsmith.assessment.run import Assessment, assess
from atomsmith.assessment.settings import AssessSettings
from atomsmith.assessment.store import Item, Task
from atomsmith.settings_file import load_settings
from benchmarks.assessment.tables import markdown, put_into


class Silent:
    """Takes what is in the folder; there is no progress to show."""

    def planned(self, tasks: int, known: int) -> None:
        """Nothing is computed."""

    def begins(self, task: Task) -> Any:
        """Nothing begins."""
        return lambda *_: None

    def ended(self, item: Item) -> None:
        """Nothing ends."""


def labelled(assessment: Assessment, system: str) -> tuple[dict[str, Any], dict[str, Any], int]:
    """All snapshots with labels, the labels, and the number of potentials whose dynamics they are from."""
    snapshots: list[Any] = []
    labels: dict[str, list[Any]] = {"energies": [], "forces": []}
    movers = 0
    for name in assessment.candidates[system]:
        driven = assessment.found.get(("motion", system, name, "snapshots"))
        if driven is None or driven.failure is not None:
            continue
        before = len(snapshots)
        for place, snapshot in enumerate(driven.result["snapshots"]):
            item = assessment.found.get(("motion", system, name, f"label {place}"))
            if item is not None and item.failure is None:
                snapshots.append(snapshot)
                for key, values in labels.items():
                    values += item.result[key]
        movers += len(snapshots) > before
    return {"snapshots": snapshots}, labels, movers


def table(assessment: Assessment, system: str) -> str:
    """Potentials by temperature: mean absolute errors of forces with their standard errors."""
    driven, labels, movers = labelled(assessment, system)
    lines = []
    for name, sizes in assessment.candidates[system].items():
        found = deviations(sizes[0], driven, labels, lambda *_: None)
        groups = sorted((key for key in found if key != "all"), key=float)
        cells = [f"{found['all']['energy_mae']:.1f}"]
        cells += [
            f"{found[key]['forces_mae']:.3f} ± {found[key]['forces_mae_error']:.3f}"
            for key in (*groups, "all")
        ]
        lines.append([name, *cells])
    count = len(driven["snapshots"])
    head = [f"{count} snapshots of {movers} potentials", "energy (meV/atom)"]
    return markdown([*head, *(f"forces (eV/Å), {key} K" for key in groups), "all"], lines)


def main() -> None:
    """Print the table, or put it into a document."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("settings", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--into", type=Path, help="document")
    given = parser.parse_args()
    settings = load_settings(given.settings, AssessSettings)
    assessment = assess(settings, given.folder, Silent(), compute=False)
    (system,) = assessment.systems
    made = table(assessment, system)
    if given.into is None:
        print(made)
    else:
        put_into(given.into, {f"{given.folder.name}-shared": made})


if __name__ == "__main__":
    main()
