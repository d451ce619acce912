"""The SQLite file of a run folder: opening, locking, transactions.

Every write is a transaction that is on disk when the call returns (rollback journal, ``synchronous=FULL``),
so ``kill -9`` at any moment loses nothing that was committed. A rollback journal rather than a write-ahead
log is used because run folders live on network file systems, where a log's shared memory does not work.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from atomsmith.data import schema
from atomsmith.data.locking import RunLock
from atomsmith.errors import InputError

STORE_NAME = "store.sqlite"


class Database:
    """An open file with or without the lock on its folder; use `open` rather than the constructor."""

    def __init__(self, folder: Path, connection: sqlite3.Connection, lock: RunLock | None) -> None:
        self.folder = folder
        self._connection = connection
        self._lock = lock
        self._depth = 0

    @classmethod
    def open(cls, folder: str | Path, *, read_only: bool = False) -> Self:
        """Open the store of a run folder, making both if need be, and lock the folder.

        Parameters
        ----------
        folder
            The run folder.
        read_only
            Take no lock and change nothing: for looking at a run while it goes on.

        Raises
        ------
        RunLockedError
            If another process holds the folder.
        InputError
            If the file is no store, or is of a newer version.
        """
        folder = Path(folder)
        if read_only:
            return cls(folder, _open_read_only(folder), None)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise InputError(f"{folder} is a file, expected a folder for the run") from None
        except OSError as error:
            raise InputError(f"cannot make the run folder {folder}: {error.strerror}") from None
        lock = RunLock(folder)
        try:
            return cls(folder, _open_writable(folder / STORE_NAME), lock)
        except BaseException:
            lock.release()
            raise

    def close(self) -> None:
        """Close the file and give the folder free; harmless when done twice."""
        self._connection.close()
        if self._lock is not None:
            self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make several writes one: all are kept when the block ends, none if it raises or the process dies.

        Blocks may be nested: an inner one that raises undoes its own writes, the outermost one commits.
        """
        if self._lock is None:
            raise InputError(f"the store in {self.folder} was opened read-only")
        mark = f"level_{self._depth}"
        self._connection.execute("BEGIN IMMEDIATE" if self._depth == 0 else f"SAVEPOINT {mark}")
        self._depth += 1
        try:
            yield
            self._connection.execute("COMMIT" if self._depth == 1 else f"RELEASE {mark}")
        except BaseException:
            # SQLite itself undoes everything on a full disk and the like; then nothing is left to undo.
            if self._connection.in_transaction:
                if self._depth == 1:
                    self._connection.execute("ROLLBACK")
                else:
                    self._connection.execute(f"ROLLBACK TO {mark}")
                    self._connection.execute(f"RELEASE {mark}")
            raise
        finally:
            self._depth -= 1


def _open_writable(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60.0, isolation_level=None)
    try:
        schema.check(connection, str(path))
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        schema.upgrade(connection, str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _open_read_only(folder: Path) -> sqlite3.Connection:
    """Open for reading; the file may be written to, where that is allowed, to undo a killed write."""
    path = folder / STORE_NAME
    if not path.is_file():
        raise InputError(f"{folder} holds no run: {STORE_NAME} is not there")
    mode = "rw" if os.access(path, os.W_OK) and os.access(folder, os.W_OK) else "ro"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, timeout=60.0, isolation_level=None
    )
    try:
        schema.check(connection, str(path))
        connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection
