"""What a search leaves: settings files, the fitted potential, a table, and a page."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from atomsmith.fitting.settings import FitSettings
from atomsmith.properties.base import plain
from atomsmith.report.storage import write_text
from atomsmith.settings_file.defaults import default_values
from atomsmith.settings_file.document import parse_document
from atomsmith.tuning.search import Search, Try
from atomsmith.tuning.settings import TuneSettings
from atomsmith.tuning.trial import Bench


@dataclass(frozen=True)
class Written:
    """Files that were written."""

    settings: Path
    potential: Path
    page: Path
    front: list[Path]


def write_results(settings: TuneSettings, found: Search, folder: Path, bench: Bench | None = None) -> Written:
    """Write the best settings and the potential fitted with them, the front, all trials and the page.

    ``best.yaml``, ``potential.json``, ``front/NN.yaml``, ``trials.csv``, ``tuning.json``, ``report.html`` and
    ``figures/*.png``.
    """
    from atomsmith.report.tuning import write_tuning

    bench = Bench(settings) if bench is None else bench
    best = found.best
    assert best is not None
    write_text(folder / "best.yaml", settings_text(settings, bench, best))
    potential = bench.final(best.parameters).potential
    potential.save(folder / "potential.json")
    front = found.front()
    files = []
    (folder / "front").mkdir(exist_ok=True)
    for old in (folder / "front").glob("*.yaml"):
        old.unlink()
    for place, one in enumerate(front, start=1):
        files.append(folder / "front" / f"{place:02d}.yaml")
        write_text(files[-1], settings_text(settings, bench, one))
    write_text(folder / "trials.csv", _csv(found))
    write_text(folder / "tuning.json", numbers_text(settings, found))
    page = write_tuning(settings, found, folder)
    return Written(folder / "best.yaml", folder / "potential.json", page, files)


def numbers_text(settings: TuneSettings, found: Search) -> str:
    """Return what ``tuning.json`` holds: settings, all trials, the numbers of the best and of the front."""
    best = found.best
    numbers = {
        "settings": settings.model_dump(mode="json"),
        "baseline": found.baseline.to_dict(),
        "best": None if best is None else best.number,
        "front": [one.number for one in found.front()],
        "trials": [plain(one) for one in found.tries],
    }
    return json.dumps(plain(numbers), indent=1, allow_nan=False) + "\n"


def settings_text(settings: TuneSettings, bench: Bench, one: Try) -> str:
    """Return the settings file of a trial: the one that the search began with, with the values put in.

    Paths stay relative to the folder of the original where they were; they are written in full.
    """
    text = settings.fit_file.read_text(encoding="utf-8-sig")
    document = parse_document(text, str(settings.fit_file))
    for assignment in bench.assignments(one.parameters):
        document.override(assignment, absent=lambda at: default_values(FitSettings, at))
    values: dict[str | int, Any] = dict(document.values)
    data = bench.fit_settings(one.parameters).data.model_dump(mode="json", exclude_unset=True)
    values["data"] = data
    outcome = one.outcome
    assert outcome is not None
    head = (
        f"# Trial {one.number} of a search that began with {settings.fit_file.name}: score {one.score:.4f} "
        f"(1 as given), {outcome.us_per_atom:.3g} us/atom\n"
    )
    return head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def rows(found: Search) -> list[dict[str, Any]]:
    """Trials as flat rows."""
    return [
        {
            "trial": one.number,
            "score": one.score,
            **one.parameters,
            **(
                {}
                if one.outcome is None
                else {
                    "energy_mev_per_atom": one.outcome.errors["energy"],
                    "forces_ev_per_angstrom": one.outcome.errors["forces"],
                    "stress_gpa": one.outcome.errors["stress"],
                    **one.outcome.properties,
                    "mean_deviation": one.outcome.deviation,
                    "us_per_atom": one.outcome.us_per_atom,
                    "n_functions": one.outcome.n_functions,
                }
            ),
            "refused": one.reason or None,
        }
        for one in found.tries
    ]


def _csv(found: Search) -> str:
    table = rows(found)
    keys = list(dict.fromkeys(key for row in table for key in row))
    stream = io.StringIO()
    writer = csv.DictWriter(stream, keys, lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return stream.getvalue()
