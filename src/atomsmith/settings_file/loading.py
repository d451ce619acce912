"""Read a YAML settings file into its settings model."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from atomsmith.errors import InputError
from atomsmith.settings_file.annotations import key_name
from atomsmith.settings_file.defaults import default_values
from atomsmith.settings_file.document import Document, KeyPath, describe, dotted, parse_document
from atomsmith.settings_file.problems import sentence

ModelT = TypeVar("ModelT", bound=BaseModel)


def load_settings(
    path: Path | str, model: type[ModelT], overrides: Sequence[str] = (), option: str = "--set"
) -> ModelT:
    """Read a settings file.

    Relative paths in it (values that the model types as `pathlib.Path`, wherever they stand) are taken from
    the folder of the file, so that a run does not depend on the folder it was started from; ``~`` and
    environment variables (``$NAME``) are expanded.

    Parameters
    ----------
    path
        The YAML file.
    model
        The settings model that it describes.
    overrides
        Assignments ``key.sub=value`` from the command line, applied after reading.
    option
        Where these assignments come from, for messages.

    Raises
    ------
    InputError
        One sentence with file, line, key, what was found, what was expected and the mend.
    """
    path = Path(path)
    document = parse_document(_read(path), str(path))
    for assignment in overrides:
        document.override(assignment, option, absent=lambda at: default_values(model, at))
    try:
        settings = model.model_validate(document.values)
    except ValidationError as error:
        raise InputError(sentence(error, model, document)) from None
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    _refuse_truth_as_number(document.values, settings, document, ())
    resolved = _from_folder(settings, path.absolute().parent)
    assert isinstance(resolved, model)
    return resolved


def settings_from_assignments(
    model: type[ModelT],
    assignments: Sequence[str],
    option: str,
    values: Mapping[str | int, Any] | None = None,
) -> ModelT:
    """Make settings from ``key.sub=value`` texts, given with a command line option, without a file.

    Parameters
    ----------
    model
        The settings model.
    assignments
        Texts of the option.
    option
        Its name, for messages.
    values
        What the assignments change, as a settings file would say it; nothing when None.

    Raises
    ------
    InputError
        As `load_settings`; the place it names is the option.
    """
    document = Document(option, dict(values or {}))
    for assignment in assignments:
        document.override(assignment, option, absent=lambda at: default_values(model, at))
    return _validated(model, document)


def settings_from_values(model: type[ModelT], values: Mapping[str, Any], place: str) -> ModelT:
    """Make settings from plain values that stand at a place of which messages speak.

    Raises
    ------
    InputError
        As `load_settings`.
    """
    return _validated(model, Document(place, {key: value for key, value in values.items()}))


def _validated(model: type[ModelT], document: Document) -> ModelT:
    try:
        return model.model_validate(document.values)
    except ValidationError as error:
        raise InputError(sentence(error, model, document)) from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such settings file; `atomsmith template` writes one to start from."
        ) from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder, but should be a YAML settings file.") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}.") from None


def _from_folder(value: Any, folder: Path) -> Any:
    """Copy a settings value with its relative paths taken from a folder."""
    if isinstance(value, Path):
        return folder / Path(_with_variables(str(value))).expanduser()
    if isinstance(value, BaseModel):
        fields = {name: getattr(value, name) for name in type(value).model_fields}
        changed = {name: new for name, old in fields.items() if (new := _from_folder(old, folder)) is not old}
        if not changed:
            return value
        copy = value.model_copy(update=changed)
        copy.model_fields_set.intersection_update(value.model_fields_set)
        return copy
    if isinstance(value, list | tuple) and type(value) in (list, tuple):
        items = [_from_folder(item, folder) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else type(value)(items)
    if isinstance(value, dict):
        entries = {key: _from_folder(item, folder) for key, item in value.items()}
        return value if all(entries[key] is value[key] for key in value) else entries
    return value


def _with_variables(path: str) -> str:
    """Put the values of environment variables, $NAME or ${NAME}, into a path."""
    expanded = os.path.expandvars(path)
    missing = re.search(r"\$\{?(\w+)", expanded)
    if missing is not None:
        raise InputError(
            f"{path}: names the environment variable {missing[1]}, which is not set; set it, or write the "
            "path in full."
        )
    return expanded


def _refuse_truth_as_number(given: Any, taken: Any, document: Document, path: KeyPath) -> None:
    """Refuse ``true`` where a number is expected, which pydantic would take for 1."""
    if isinstance(given, bool) and type(taken) in (int, float):
        raise InputError(
            f"{document.place(path)}: '{dotted(path)}' is {describe(given)}, but should be a number."
        )
    if isinstance(given, dict) and isinstance(taken, BaseModel):
        names = {key_name(name, info): name for name, info in type(taken).model_fields.items()}
        for key, value in given.items():
            if key in names:
                _refuse_truth_as_number(value, getattr(taken, names[str(key)]), document, (*path, key))
    elif isinstance(given, dict) and isinstance(taken, dict):
        for key, value in given.items():
            _refuse_truth_as_number(value, taken.get(key), document, (*path, key))
    elif isinstance(given, list) and isinstance(taken, list | tuple) and len(given) == len(taken):
        for index, (value, item) in enumerate(zip(given, taken, strict=True)):
            _refuse_truth_as_number(value, item, document, (*path, index))
