"""`atomsmith properties`: several properties of a crystal, into one folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.options import JsonFile, Overrides, SettingsFile, folder_option

if TYPE_CHECKING:
    from atomsmith.properties.base import PropertyResult, Report


@reported(interrupted="what was computed is stored; run the same command again to go on")
def properties(
    settings: SettingsFile,
    output: Annotated[
        Path | None,
        folder_option(
            "properties", "Folder of the results; what stands there already is not computed again."
        ),
    ] = None,
    overrides: Overrides = None,
    json_file: JsonFile = None,
) -> None:
    """Compute several properties of a crystal with one potential.

    Each property is written to the folder when it is done, as numbers
    (NAME.json) and as a figure (NAME.png). A run that was stopped goes on
    when the same command is given again.

    Example: atomsmith properties properties.yaml -o properties/Ni
    """
    from atomsmith.cli.output import require_writable, write_json
    from atomsmith.properties.suite import SuiteSettings, run_suite
    from atomsmith.settings_file import load_settings

    chosen = load_settings(settings, SuiteSettings, overrides or [])
    folder = output if output is not None else Path("properties") / settings.stem
    require_writable({"--json": json_file}, [settings])
    with _Screen() as screen:
        numbers = run_suite(chosen, folder, on_result=screen.show, report=screen.report)
    summary = {"settings": chosen, "properties": numbers}
    write_json(folder / "properties.json", summary)
    if json_file is not None:
        write_json(json_file, summary)
    typer.echo(f"results in {folder}")


class _Screen:
    """Progress lines and tables of one property after the other."""

    def __init__(self) -> None:
        self._line: Any = None

    def __enter__(self) -> _Screen:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def report(self, name: str) -> Report:
        """Begin the progress line of a property."""
        from atomsmith.cli.progress import LiveLine

        self._end()
        line = self._line = LiveLine(name).__enter__()
        return lambda done, _total, text: line.show(done, text)

    def show(self, name: str, numbers: dict[str, Any], result: PropertyResult | None) -> None:
        """Print the table of a result."""
        from atomsmith.cli.output import console, show_table

        self._end()
        if result is not None:
            show_table(result.table())
        else:
            console().print(f"{name}: computed before", markup=False)

    def _end(self) -> None:
        if self._line is not None:
            self._line.__exit__(None, None, None)
            self._line = None
