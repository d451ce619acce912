"""Report data as a JSON file: written once by the run, read again by ``atomsmith report``."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from atomsmith.data.files import replacing_bytes
from atomsmith.errors import InputError
from atomsmith.report.records import ReportData


@cache
def _adapter() -> TypeAdapter[ReportData]:
    return TypeAdapter(ReportData)


def write_text(path: Path, text: str | bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    with replacing_bytes(path) as file:
        file.write(text.encode() if isinstance(text, str) else text)


def to_json(data: ReportData) -> str:
    """JSON text of the report data; arrays are lists, NaN is null."""
    return _adapter().dump_json(data).decode()


def from_json(text: str | bytes, source: str = "report data") -> ReportData:
    """Read what `to_json` wrote.

    Raises
    ------
    InputError
        When the text is not JSON or a key is missing, unknown or of the wrong type; names ``source`` and
        the first such key.
    """
    try:
        return _adapter().validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        where = f"key '{key}' of {source}" if key else source
        message = first["msg"].removeprefix("Value error, ").rstrip(".")
        raise InputError(f"{where} is not usable: {message}.") from error


def save_report_data(data: ReportData, path: str | Path) -> None:
    """Write the report data to a JSON file (temporary file, then renamed)."""
    write_text(Path(path), to_json(data))


def load_report_data(path: str | Path) -> ReportData:
    """Read a JSON file of report data.

    Raises
    ------
    InputError
        When the file cannot be read or is not report data.
    """
    try:
        text = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            f"report data {path} cannot be read ({error.strerror}); give the report.json of a run."
        ) from error
    return from_json(text, source=str(path))
