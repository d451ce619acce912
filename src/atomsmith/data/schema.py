"""Tables of the store and their upgrades from version to version."""

from __future__ import annotations

import sqlite3

from atomsmith.errors import InputError

APPLICATION_ID = 0x41544D53
"""Marks an SQLite file as ours (``ATMS``)."""

UPGRADES: tuple[str, ...] = (
    """
    CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE configuration (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        state TEXT NOT NULL CHECK (state IN ('pending', 'labelled', 'failed')),
        split TEXT NOT NULL,
        origin TEXT NOT NULL,
        numbers BLOB NOT NULL,
        positions BLOB NOT NULL,
        cell BLOB NOT NULL,
        pbc INTEGER NOT NULL,
        config_type TEXT NOT NULL,
        weights TEXT NOT NULL,
        info TEXT NOT NULL,
        energy REAL,
        forces BLOB,
        stress BLOB,
        reason TEXT,
        seconds REAL
    );
    CREATE INDEX configuration_state ON configuration (state, split);
    CREATE TABLE round (number INTEGER PRIMARY KEY, record TEXT NOT NULL);
    CREATE TABLE trace (
        id INTEGER PRIMARY KEY,
        round INTEGER NOT NULL,
        walker INTEGER NOT NULL,
        columns TEXT NOT NULL,
        data BLOB NOT NULL
    );
    CREATE INDEX trace_round ON trace (round, walker);
    CREATE TABLE checkpoint (key TEXT PRIMARY KEY, meta TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE checkpoint_array (
        key TEXT NOT NULL REFERENCES checkpoint (key) ON DELETE CASCADE,
        name TEXT NOT NULL,
        dtype TEXT NOT NULL,
        shape TEXT NOT NULL,
        data BLOB NOT NULL,
        PRIMARY KEY (key, name)
    );
    """,
)
"""Entry k takes the tables from version k to k + 1; entries are only ever added."""


def upgrade(connection: sqlite3.Connection, name: str) -> None:
    """Bring the tables to the newest version, each step in a transaction of its own.

    Raises
    ------
    InputError
        If the file is not a store, or was written by a newer version.
    """
    version = check(connection, name)
    for step in range(version, len(UPGRADES)):
        connection.executescript(
            f"BEGIN IMMEDIATE; {UPGRADES[step]} PRAGMA user_version = {step + 1}; "
            f"PRAGMA application_id = {APPLICATION_ID}; COMMIT;"
        )


def check(connection: sqlite3.Connection, name: str) -> int:
    """Version of the tables in a file; 0 for an empty one."""
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
        tables = int(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise InputError(f"{name} is not a store of Atomsmith ({error}): move it away") from None
    if tables and mark != APPLICATION_ID:
        raise InputError(f"{name} is an SQLite file of something else than Atomsmith: move it away")
    if version > len(UPGRADES):
        raise InputError(
            f"{name} was written by a newer Atomsmith (store version {version}, this one knows "
            f"{len(UPGRADES)}): update Atomsmith"
        )
    return version
