"""`atomsmith evaluate`: errors of a potential on labelled structures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, LabelOptions, Threads
from atomsmith.errors import InputError
from atomsmith.wording import counted

if TYPE_CHECKING:
    from atomsmith import Dataset, Potential
    from atomsmith.fitting.metrics import ErrorReport


@reported()
def evaluate(
    potential: Annotated[
        Path,
        typer.Argument(
            metavar="POTENTIAL",
            help="A fitted potential (potential.json), or one of PACE (.ace, .yace) or SNAP (.snapcoeff); "
            "see also `atomsmith import`.",
            show_default=False,
        ),
    ],
    structures: Annotated[
        list[Path],
        typer.Argument(
            metavar="STRUCTURES...",
            help="Files of labelled structures: extended XYZ, mlearn JSON, or what ASE reads.",
            show_default=False,
        ),
    ],
    label: LabelOptions = None,
    json_file: JsonFile = None,
    threads: Threads = 1,
    precision: Annotated[
        Literal["float64", "float32"],
        typer.Option("--precision", help="Of the engine's sweeps; float32 is faster, good to seven digits."),
    ] = "float64",
) -> None:
    """Compare a potential with labelled structures.

    Prints mean absolute and root mean square errors of energy (meV/atom),
    forces (eV/angstrom) and stress (GPa), in all and by configuration type;
    and how far they lie outside of its data, if the potential remembers these.

    Example: atomsmith evaluate potential.json test.xyz --json errors.json
    """
    from atomsmith import Dataset, Potential
    from atomsmith.cli.output import console, require_writable, show_table, write_json
    from atomsmith.data.labels import LabelNames
    from atomsmith.extrapolation.report import grade_report
    from atomsmith.settings_file import settings_from_assignments

    names = settings_from_assignments(LabelNames, label or [], "--label")
    require_writable({"--json": json_file}, [potential, *structures])
    fitted = Potential.load(potential)
    dataset = Dataset.read(structures, names)
    if ignorance := fitted.ignorance(dataset.elements):
        raise InputError(f"{potential}: {ignorance}, which the structures hold; leave these structures out.")
    if fitted.metadata.get("data", {}).get("fingerprint") == dataset.fingerprint():
        console().print("these are the data that the potential was fitted to: the errors are no test of it")
    where = ", ".join(map(str, structures))
    report = judged(fitted, dataset, where, n_threads=threads, precision=precision)
    show_table(report.table(f"Errors of {potential} on {counted(len(dataset), 'configuration')}"))
    found = {"potential": potential, "structures": structures, **report.to_dict()}
    if fitted.extrapolation is not None:
        graded = grade_report(fitted, dataset, threads)
        console().print(graded.text)
        found["extrapolation"] = graded.to_dict()
    if json_file is not None:
        write_json(json_file, found)


def judged(potential: Potential, dataset: Dataset, where: str, **options: Any) -> ErrorReport:
    """Errors of a potential on labelled structures.

    Parameters
    ----------
    potential, dataset
        What is judged, by what.
    where
        Where the structures are from, for messages.
    options
        Of `Potential.predict`.

    Raises
    ------
    InputError
        If a structure cannot be predicted, as where two atoms coincide.
    """
    from atomsmith.fitting.metrics import errors

    try:
        return errors(dataset, potential.predict(dataset, **options))
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
