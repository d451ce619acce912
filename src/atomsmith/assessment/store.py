"""What is computed once and kept: one JSON file an item, found again by a hash of its inputs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from atomsmith.data.files import replacing
from atomsmith.errors import AtomsmithError
from atomsmith.potential import library_version
from atomsmith.properties.base import Report, plain

Result = dict[str, Any]


@dataclass(frozen=True)
class Task:
    """A piece of the assessment that is kept when it is done.

    Attributes
    ----------
    part
        Key of the settings that asks for it, or ``fit``.
    system, potential
        Names; ``potential`` is empty where several are measured together.
    detail
        What tells it from others of the same part, system and potential, such as a property.
    inputs
        All that the result depends on, as plain JSON values.
    compute
        Makes the result, as JSON values; takes a callback for progress.
    """

    part: str
    system: str
    potential: str
    detail: str
    inputs: Mapping[str, Any]
    compute: Callable[[Report], Result] = field(compare=False, repr=False)

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Part, system, potential and detail."""
        return self.part, self.system, self.potential, self.detail

    @cached_property
    def key(self) -> str:
        """Hash of the inputs and the version of the library."""
        content = {"library": library_version(), "part": self.part, "inputs": self.inputs}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()

    @property
    def name(self) -> str:
        """For people: what is done, for what."""
        what = f"{self.part} {self.detail}".strip()
        return f"{self.system}: {what}" + (f" of {self.potential}" if self.potential else "")


@dataclass(frozen=True)
class Item:
    """A task that is done.

    ``result`` is empty where ``failure`` says why there is none. ``file`` is relative to the folder.
    """

    part: str
    system: str
    potential: str
    detail: str
    key: str
    inputs: Mapping[str, Any]
    result: Result
    failure: str | None
    seconds: float
    finished: str
    library: str
    file: str

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Part, system, potential and detail."""
        return self.part, self.system, self.potential, self.detail


class ItemStore:
    """Items in a folder; a run that was killed at any point goes on with those that are there.

    Parameters
    ----------
    folder
        Holds ``items/PART/SYSTEM/POTENTIAL.DETAIL.json``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, task: Task) -> Path:
        """Where an item of a task is kept."""
        name = ".".join(file_name(part) for part in (task.potential, task.detail) if part) or "all"
        return self.folder / "items" / file_name(task.part) / file_name(task.system) / f"{name}.json"

    def find(self, task: Task) -> Item | None:
        """Return the item of a task if it stands there with the same inputs, also one that failed."""
        path = self.path(task)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(found, dict) or found.get("key") != task.key:
            return None
        return Item(**found, file=str(path.relative_to(self.folder)))

    def run(self, task: Task, report: Report) -> Item:
        """Compute a task and keep its result, or the reason why it has none.

        Whatever goes wrong with one potential must not end the assessment of the others: errors of foreign
        calculators may be of any type, and become the statement of this item. With ATOMSMITH_DEBUG=1 they
        are raised.
        """
        began = time.perf_counter()
        result: Result = {}
        failure: str | None = None
        try:
            result = plain(task.compute(report))
        except AtomsmithError as error:
            failure = " ".join(str(error).split())
        except Exception as error:
            if os.environ.get("ATOMSMITH_DEBUG", "0") not in ("", "0"):
                raise
            failure = f"stopped by {type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"
        return self._keep(task, result, failure, time.perf_counter() - began)

    def _keep(self, task: Task, result: Result, failure: str | None, seconds: float) -> Item:
        path = self.path(task)
        path.parent.mkdir(parents=True, exist_ok=True)
        values = {
            "part": task.part,
            "system": task.system,
            "potential": task.potential,
            "detail": task.detail,
            "key": task.key,
            "inputs": plain(task.inputs),
            "result": result,
            "failure": failure,
            "seconds": round(seconds, 3),
            "finished": datetime.now().astimezone().isoformat(timespec="seconds"),
            "library": library_version(),
        }
        with replacing(path) as stream:
            json.dump(values, stream, indent=1, allow_nan=False)
        return Item(**values, file=str(path.relative_to(self.folder)))


def file_name(text: str) -> str:
    """Write a name so that every system takes it as one of a file; changed names get a hash of their own."""
    safe = re.sub(r"[^A-Za-z0-9+=@_-]+", "_", text)
    if safe == text:
        return safe
    return f"{safe}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
