"""An exclusive lock on a run folder that a killed process cannot leave behind."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from atomsmith.errors import InputError, RunLockedError

LOCK_NAME = "run.lock"

_held: set[tuple[int, int]] = set()


class RunLock:
    """Lock on a folder for as long as this process lives or until `release`.

    A POSIX record lock on ``run.lock``: the system drops it when the process ends, however it ends; child
    processes do not inherit it, so that orphaned workers cannot block a restart; and it works on network
    file systems. The file says who holds it; an old file without a lock means nothing.

    Raises
    ------
    RunLockedError
        If another process (or this one) holds the folder; the message names it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME
        # Closing any descriptor of the file would drop this process's lock on it, so ask the table first.
        if self.path.exists() and _identity(os.stat(self.path)) in _held:
            raise RunLockedError(f"{folder} is already open in this process (pid {os.getpid()})")
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise InputError(f"cannot write in the run folder {folder}: {error.strerror}") from None
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = _describe(os.pread(descriptor, 4096, 0))
            os.close(descriptor)
            raise RunLockedError(
                f"{folder} is in use by {holder}: wait for it, stop it, or choose another folder"
            ) from None
        self._descriptor: int | None = descriptor
        self._identity = _identity(os.fstat(descriptor))
        _held.add(self._identity)
        record = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(record).encode(), 0)

    def release(self) -> None:
        """Give the folder free; harmless when done twice."""
        if self._descriptor is not None:
            _held.discard(self._identity)
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Wait until no other process is within such a block of the same file; a killed one leaves it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _describe(content: bytes) -> str:
    try:
        record = json.loads(content)
        return f"process {record['pid']} on {record['host']} since {record['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
