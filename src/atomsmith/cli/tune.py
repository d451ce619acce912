"""`atomsmith tune`: search for the settings of a fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, Overrides, SettingsFile, folder_option
from atomsmith.wording import counted

if TYPE_CHECKING:
    from atomsmith.cli.progress import LiveLine
    from atomsmith.tuning.results import Written
    from atomsmith.tuning.search import Search


@reported(interrupted="trials that have ended are stored; run the same command again to go on")
def tune(
    settings: SettingsFile,
    output: Annotated[
        Path | None,
        folder_option("tuning", "Folder of the search; one that stands there goes on."),
    ] = None,
    overrides: Overrides = None,
    json_file: JsonFile = None,
) -> None:
    r"""Search for the settings of a fit: cutoffs, degrees, weights.

    Fits with many settings and judges them by errors on data that were held
    out and by properties, within a limit of the cost. Writes the best
    settings, the potential fitted with them, the front of error and cost, and
    a report. Needs Optuna: pip install 'atomsmith\[tune]'.

    Example: atomsmith tune tune.yaml -o tuning/Ni
    """
    from atomsmith.cli.output import console, require_writable, write_json
    from atomsmith.cli.progress import LiveLine
    from atomsmith.cli.run_folders import require_own_folder
    from atomsmith.settings_file import load_settings
    from atomsmith.tuning.results import rows, write_results
    from atomsmith.tuning.samplers import load_optuna
    from atomsmith.tuning.search import tune as search
    from atomsmith.tuning.settings import TuneSettings
    from atomsmith.tuning.trial import Bench

    chosen = load_settings(settings, TuneSettings, overrides or [])
    folder = output if output is not None else Path("tuning") / settings.stem
    require_own_folder(folder, "tune")
    require_writable({"--json": json_file}, [settings, chosen.fit_file], {"--output": folder})
    load_optuna()
    bench = Bench(chosen)
    with LiveLine("trials", chosen.trials) as line:
        line.show(0, "fitting the settings as given")
        found = search(chosen, folder, _watch(line, chosen.trials), bench)
        line.show(len(found.tries), "fitting with the best settings")
        written = write_results(chosen, found, folder, bench)
    console().print(_summary(found, written), markup=False)
    if json_file is not None:
        write_json(json_file, {"baseline": found.baseline, "best": found.best, "trials": rows(found)})


def _watch(line: LiveLine, trials: int) -> Callable[[Search], None]:
    """Show how many trials have ended, the best score and the time left."""
    from atomsmith.cli.progress import duration

    known: list[int] = []

    def watch(now: Search) -> None:
        done = len(now.tries)
        if not known:
            known.append(done)
        parts = [] if now.best is None else [f"best score {now.best.score:.3f} (1 as given)"]
        if done > known[0]:
            each = line.elapsed_s / (done - known[0])
            parts.append(f"{duration(each * max(0, trials - done))} left")
        line.show(done, ", ".join(parts) or "first trials under way")

    return watch


def _summary(found: Search, written: Written) -> str:
    best = found.best
    assert best is not None
    assert best.outcome is not None
    values = "\n".join(f"  {key}: {value}" for key, value in best.parameters.items())
    worse = "no trial is better than the settings as given\n" if (best.score or 0.0) > 1.0 else ""
    return worse + (
        f"best of {counted(len(found.tries), 'trial')}: score {best.score:.3f} (1 as given), "
        f"{best.outcome.us_per_atom:.3g} us/atom\n{values}\n"
        f"settings   {written.settings}\npotential  {written.potential}\nreport     {written.page}"
    )
