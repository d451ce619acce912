"""One configuration in, a labelled one out - or the reason why not."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.reference.engine import Engine, checked_labels
from atomsmith.reference.registry import make_engine
from atomsmith.reference.settings import ReferenceSettings

_LONGEST_REASON = 600
_engines: dict[str, Engine[Any]] = {}


@dataclass(frozen=True, eq=False)
class LabelResult:
    """What came of one calculation; exactly one of ``configuration`` and ``reason`` is given.

    Attributes
    ----------
    configuration
        The configuration with its new labels, or None.
    reason
        Why there are no labels, in one sentence, or None.
    seconds
        Wall time of the calculation.
    """

    configuration: Configuration | None
    reason: str | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether there are labels."""
        return self.configuration is not None


def check(settings: ReferenceSettings, elements: Iterable[str] = ()) -> None:
    """Make sure that a reference can run at all, before anything starts.

    Parameters
    ----------
    settings
        The reference.
    elements
        Chemical symbols that it will meet, as far as they are known.

    Raises
    ------
    InputError
        If a program, library, file or element is missing; the message names the mend.
    """
    _engine(settings).check(list(elements))


def label(configuration: Configuration, settings: ReferenceSettings, folder: Path) -> LabelResult:
    """Compute energy, forces and stress of a configuration.

    Parameters
    ----------
    configuration
        Its own labels, if any, are replaced.
    settings
        The reference; the engine made from it is kept for later calls in the same process.
    folder
        Scratch folder of this calculation, removed afterwards as ``settings.keep_files`` says. Engines that
        write no files do not create it.

    Returns
    -------
    LabelResult
        With a reason in place of labels when the calculation failed, did not converge or gave NaN.

    Raises
    ------
    InputError
        If the reference cannot run at all (see `check`).
    """
    begin = time.perf_counter()
    engine = _engine(settings)
    if engine.writes_files:
        folder = folder.absolute()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    try:
        labels = checked_labels(engine, configuration, engine.compute(configuration, folder))
    except InputError:
        raise
    except Exception as error:
        reason: str | None = _reason(engine, error, folder)
        labelled = None
    else:
        reason = None
        labelled = configuration.replace(energy=labels.energy, forces=labels.forces, stress=labels.stress)
    if engine.writes_files and (
        settings.keep_files == "none" or (settings.keep_files == "failed" and reason is None)
    ):
        shutil.rmtree(folder, ignore_errors=True)
    return LabelResult(labelled, reason, time.perf_counter() - begin)


def _engine(settings: ReferenceSettings) -> Engine[Any]:
    """Return the engine with these settings, made once per process."""
    key = settings.model_dump_json()
    if key not in _engines:
        _engines[key] = make_engine(settings)
    return _engines[key]


def _reason(engine: Engine[Any], error: Exception, folder: Path) -> str:
    """One sentence on a failed calculation, with the engine's own words if it left any."""
    if isinstance(error, LabelError):
        said = str(error)
    elif isinstance(error, CalledProcessError):
        said = f"the program ended with exit code {error.returncode}"
    else:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    own = engine.diagnose(folder) if engine.writes_files else ""
    if own and own not in said:
        said = f"{said}; its output says: {own}"
    return f"{engine.title}: {' '.join(said.split())}"[:_LONGEST_REASON]
