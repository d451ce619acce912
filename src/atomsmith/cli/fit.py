"""`atomsmith fit`: a potential from labelled structures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atomsmith.cli.evaluate import judged
from atomsmith.cli.failures import reported
from atomsmith.cli.fit_data import FitData, files_of, read_data
from atomsmith.cli.options import JsonFile, Overrides
from atomsmith.errors import InputError, RunLockedError
from atomsmith.wording import counted

if TYPE_CHECKING:
    from atomsmith.data.dataset import Dataset
    from atomsmith.fitting.estimate import Estimate
    from atomsmith.fitting.fit import FitResult
    from atomsmith.fitting.metrics import ErrorReport
    from atomsmith.fitting.rows.streaming import Workers
    from atomsmith.fitting.settings import FitSettings
    from atomsmith.reference.settings import ExecutorSettings


@reported(
    "the fit or its report is incomplete; run the same command again, which goes on where a training was"
)
def fit(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SETTINGS.yaml | STRUCTURES...",
            help="A settings file, or files of labelled structures to fit with the default settings.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The potential to write.")
    ] = Path("potential.json"),
    test_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--test",
            metavar="FILE",
            help="Labelled structures to test with; may be given several times.",
            show_default=False,
        ),
    ] = None,
    overrides: Overrides = None,
    json_file: JsonFile = None,
    report: Annotated[
        Path | None,
        typer.Option(
            "--report", metavar="FOLDER", help="Write an HTML report into this folder.", show_default=False
        ),
    ] = None,
) -> None:
    """Fit a potential to labelled structures.

    Prints the errors on the training and test configurations, and writes the
    potential with its posterior and committee. Without a settings file the
    cutoff, the size of the basis, weights and reference energies follow from
    the data; a settings file to start from is written by:
    atomsmith template fit -o fit.yaml

    Example: atomsmith fit train.xyz -o potential.json --test test.xyz

    Example: atomsmith fit fit.yaml -o potential.json --report report
    """
    from atomsmith.cli.output import console, require_writable, show_table, write_json
    from atomsmith.fitting.crystal_check import check_crystals
    from atomsmith.potential import require_own_suffix

    chosen = _settings(sources, test_files or [], overrides or [])
    require_writable(
        {"--output": output, "--json": json_file}, [*sources, *files_of(chosen.data)], {"--report": report}
    )
    require_own_suffix(output)
    data = read_data(chosen, sources[0])
    result, estimate = _fitted(data.train, chosen, output)
    reports: dict[str, ErrorReport] = {}
    for name, dataset in (("training", data.train), ("test", data.test)):
        if dataset:
            where = f"{name} configurations"
            reports[name] = judged(result.potential, dataset, where, n_threads=chosen.threads)
            show_table(reports[name].table(f"Errors on {counted(len(dataset), f'{name} configuration')}"))
    console().print(_weights(result), markup=False)
    check = check_crystals(result.potential, result.ground_states, advice=_advice(chosen))
    if check.text:
        console().print(check.text, markup=False)
    console().print(_summary(result, output), markup=False)
    if json_file is not None:
        numbers = _numbers(result, output, reports) | {"crystals": check.to_dict()}
        write_json(json_file, numbers | {"estimate": estimate.to_dict()})
    if report is not None:
        holes = [f"{check.text[0].upper()}{check.text[1:]}."] if check.holes else []
        data = replace(data, remarks=data.remarks + holes)
        page = _write_report(chosen, result, data, f"Fit: {output.stem}", report)
        console().print(f"report: {page}", markup=False)


def _fitted(train: Dataset, settings: FitSettings, output: Path) -> tuple[FitResult, Estimate]:
    """Fit with a progress bar and write the potential; trainings go on where killed ones ended."""
    from atomsmith.cli.progress import FittingProgress
    from atomsmith.fitting.fit import fit_model

    announced: list[Estimate] = []
    unfinished = output.with_name(f"{output.name}.training")
    with (
        _training_folder(unfinished, settings, output),
        fit_workers(settings.executor) as workers,
        FittingProgress(len(train)) as progress,
    ):

        def announce(estimate: Estimate) -> None:
            announced.append(estimate)
            progress.message(estimate.text)

        result = fit_model(
            train,
            settings,
            workers=workers,
            announce=announce,
            progress=progress.update,
            stage=progress.begin,
            training=lambda state: progress.train(state.done, state.total, state.text),
            training_folder=unfinished,
        )
        result.potential.save(output)
    return result, announced[0]


@contextmanager
def _training_folder(folder: Path, settings: FitSettings, output: Path) -> Iterator[None]:
    """Hold the folder of a fit's trainings, for one process at a time, until the potential is written.

    Raises
    ------
    RunLockedError
        If another fit with the same output is training.
    """
    from atomsmith.data.files import new_folder
    from atomsmith.data.locking import LOCK_NAME, RunLock
    from atomsmith.fitting.trainers.registry import trainer_of

    if all(trainer_of(term) is None for term in settings.model.terms):
        yield
        return
    with new_folder(folder):
        try:
            lock = RunLock(folder)
        except RunLockedError as error:
            raise RunLockedError(
                f"--output {output}: another fit to this file trains: {error}; or give another --output"
            ) from None
        try:
            yield
            rmtree(folder, ignore_errors=True)
        except BaseException:
            (folder / LOCK_NAME).unlink(missing_ok=True)
            raise
        finally:
            lock.release()


@contextmanager
def fit_workers(settings: ExecutorSettings) -> Iterator[Workers | None]:
    """Start what makes rows, if that is not this process, and end it."""
    from atomsmith.fitting.rows.streaming import Workers
    from atomsmith.reference.executors import start_workers

    with TemporaryDirectory(prefix="atomsmith-") as scratch:
        started = start_workers(settings, Path(scratch))
        if started is None:
            yield None
            return
        try:
            yield Workers(started.executor, settings.workers)
        finally:
            started.close()


SETTINGS_SUFFIXES = (".yaml", ".yml")


def _settings(sources: Sequence[Path], test: Sequence[Path], overrides: Sequence[str]) -> FitSettings:
    """Settings from a file, or the default ones for files of structures."""
    from atomsmith.fitting.settings import FitSettings
    from atomsmith.settings_file import load_settings, settings_from_assignments

    files = [source for source in sources if source.suffix.lower() in SETTINGS_SUFFIXES]
    if not files:
        data: dict[str | int, Any] = {"train": [str(source) for source in sources]}
        if test:
            data["test"] = [str(file) for file in test]
        return settings_from_assignments(FitSettings, overrides, "--set", {"data": data})
    if len(sources) > 1:
        raise InputError(
            f"{files[0]}: is a settings file and stands beside other files; "
            "give either one settings file, whose data.train names the structures, or structures alone."
        )
    chosen = load_settings(files[0], FitSettings, overrides)
    if not test:
        return chosen
    return chosen.model_copy(update={"data": chosen.data.model_copy(update={"test": tuple(test)})})


def _write_report(
    settings: FitSettings,
    result: FitResult,
    data: FitData,
    title: str,
    folder: Path,
) -> Path:
    """Write report.html, its figures and report.json; returns the page."""
    from datetime import datetime

    from atomsmith.report import save_report_data, write_report
    from atomsmith.report.gather.fits import report_of_fit

    found = report_of_fit(
        result.potential,
        data.train,
        data.test,
        title=title,
        settings=settings.model_dump(mode="json"),
        seconds=result.seconds,
        remarks=data.remarks,
        created=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        n_threads=settings.threads,
    )
    page = write_report(found, folder)
    save_report_data(found, folder / "report.json")
    return page


def _weights(result: FitResult) -> str:
    """Weights of the fit, and how that of energies was chosen."""
    from atomsmith.fitting.weights import KINDS

    weights = result.potential.metadata["settings"]["weights"]
    found = ", ".join(f"{kind} {weights[kind]:.3g}" for kind in KINDS if weights[kind] is not None)
    choice = result.energy_choice
    return f"weights: {found}" + ("" if choice is None else f"; {choice.text}")


def _advice(settings: FitSettings) -> str:
    """What to do about holes beyond the data; beliefs help only what is linear and does not have them yet."""
    from atomsmith.fitting.crystal_check import ADVICE
    from atomsmith.fitting.trainers.registry import trainer_of

    could = not settings.expects_crystals and not any(map(trainer_of, settings.model.terms))
    return ADVICE + (", or set beyond_data: crystals" if could else "")


def _summary(result: FitResult, output: Path) -> str:
    potential, seconds = result.potential, sum(result.seconds.values())
    return (
        f"{counted(potential.n_functions, 'basis function')}, cutoff {potential.cutoff:.2f} angstrom, "
        f"{counted(len(potential.committee), 'committee member')}, fitted in {seconds:.1f} s; wrote {output}"
    )


def _numbers(result: FitResult, output: Path, reports: dict[str, ErrorReport]) -> dict[str, Any]:
    return {
        "potential": output,
        "n_functions": result.potential.n_functions,
        "cutoff_angstrom": result.potential.cutoff,
        "fit": result.potential.metadata["fit"],
        "data": result.potential.metadata["data"],
        "seconds": result.seconds,
        "peak_bytes": result.peak_bytes,
        "errors": {name: report.to_dict() for name, report in reports.items()},
    }
