"""The store of a run: one SQLite file, the only state that outlives a process.

Configurations go from pending to labelled or failed; rounds, traces and checkpoints stand beside them. Every
method that writes is committed when it returns, unless it is called inside `Store.transaction`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atomsmith.data.blobs import from_blob, to_blob, to_json
from atomsmith.data.configuration import Configuration
from atomsmith.data.database import Database
from atomsmith.data.dataset import Dataset
from atomsmith.data.traces import pack_trace, unpack_traces
from atomsmith.errors import InputError

State = Literal["pending", "labelled", "failed"]
_WEIGHTS = ("weight", "energy_weight", "forces_weight", "stress_weight")


@dataclass(frozen=True, eq=False)
class StoredConfiguration:
    """A configuration with what the store knows of it.

    Attributes
    ----------
    id
        Number in order of arrival, from 1.
    configuration
        The configuration, with labels once it is labelled.
    state
        ``pending``, ``labelled`` or ``failed``.
    split
        Name of the set it belongs to, such as ``train`` or ``test``.
    origin
        Where it came from: plain JSON values.
    seconds
        Time the reference calculation took, or None.
    reason
        Why it failed, or None.
    """

    id: int
    configuration: Configuration
    state: State
    split: str
    origin: dict[str, Any]
    seconds: float | None
    reason: str | None


class Store(Database):
    """Configurations, labels, rounds, traces and checkpoints of one run; open it with ``Store.open``."""

    def set(self, key: str, value: Any) -> None:
        """Keep a plain JSON value under a key, replacing what was there."""
        with self.transaction():
            self._connection.execute(
                "INSERT INTO setting VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, to_json(value)),
            )

    def get(self, key: str, default: Any = None) -> Any:
        """The value kept under a key, or ``default``."""
        row = self._connection.execute("SELECT value FROM setting WHERE key = ?", (key,)).fetchone()
        return default if row is None else json.loads(row[0])

    def add(self, configuration: Configuration, *, split: str, origin: Mapping[str, Any]) -> int:
        """Add a configuration that waits for its label; labels it has are dropped. Returns its id."""
        return self._insert(configuration.without_labels(), "pending", split, origin, None)

    def add_labelled(
        self,
        configuration: Configuration,
        *,
        split: str,
        origin: Mapping[str, Any],
        seconds: float | None = None,
    ) -> int:
        """Add a configuration that has its labels already. Returns its id."""
        _require_labels(configuration)
        return self._insert(configuration, "labelled", split, origin, seconds)

    def add_many(
        self, items: Iterable[tuple[Configuration, str, Mapping[str, Any]]], *, labelled: bool = False
    ) -> list[int]:
        """Add (configuration, split, origin) triples, all or none. Returns their ids."""
        add = self.add_labelled if labelled else self.add
        with self.transaction():
            return [add(c, split=split, origin=origin) for c, split, origin in items]

    def record_label(self, id: int, labelled: Configuration, seconds: float) -> None:
        """Keep the labels of a pending (or failed, if tried again) configuration.

        Raises
        ------
        InputError
            If it has a label already, does not exist, or ``labelled`` is not the same structure.
        """
        _require_labels(labelled)
        stored = self.entry(id)
        if stored.state == "labelled":
            raise InputError(f"configuration {id} of {self.folder} is labelled already")
        if stored.configuration.fingerprint(labels=False) != labelled.fingerprint(labels=False):
            raise InputError(f"the label for configuration {id} belongs to another structure")
        info = {**stored.configuration.info, **labelled.info}
        with self.transaction():
            self._connection.execute(
                "UPDATE configuration SET state = 'labelled', energy = ?, forces = ?, stress = ?, info = ?, "
                "seconds = ?, reason = NULL WHERE id = ?",
                (*_label_values(labelled), to_json(info), float(seconds), id),
            )

    def record_failure(self, id: int, reason: str, seconds: float) -> None:
        """Keep why the reference calculation of a pending configuration gave no label."""
        state = self.entry(id).state
        if state == "labelled":
            raise InputError(f"configuration {id} of {self.folder} is labelled already")
        with self.transaction():
            self._connection.execute(
                "UPDATE configuration SET state = 'failed', reason = ?, seconds = ? WHERE id = ?",
                (reason, float(seconds), id),
            )

    def retry_failures(self) -> int:
        """Make every failed configuration pending again. Returns how many."""
        with self.transaction():
            return self._connection.execute(
                "UPDATE configuration SET state = 'pending', reason = NULL, seconds = NULL "
                "WHERE state = 'failed'"
            ).rowcount

    def entry(self, id: int) -> StoredConfiguration:
        """One configuration with what is known of it."""
        found = self._select("WHERE id = ?", (id,))
        if not found:
            raise InputError(f"{self.folder} has no configuration {id}")
        return found[0]

    def entries(self, *, split: str | None = None, state: State | None = None) -> list[StoredConfiguration]:
        """Configurations in order of their ids, optionally of one split or state."""
        return self._select(
            "WHERE (?1 IS NULL OR split = ?1) AND (?2 IS NULL OR state = ?2) ORDER BY id", (split, state)
        )

    def pending(self) -> list[tuple[int, Configuration]]:
        """Configurations that wait for their labels, in order of their ids."""
        return [(e.id, e.configuration) for e in self.entries(state="pending")]

    def labelled(self, split: str | None = None) -> list[tuple[int, Configuration]]:
        """Labelled configurations, in order of their ids."""
        return [(e.id, e.configuration) for e in self.entries(split=split, state="labelled")]

    def dataset(self, split: str | None = None) -> Dataset:
        """The labelled configurations as a data set, in order of their ids."""
        return Dataset(configuration for _, configuration in self.labelled(split))

    def failures(self) -> list[StoredConfiguration]:
        """Configurations whose reference calculation failed, each with its ``reason``."""
        return self.entries(state="failed")

    def counts(self) -> dict[str, int]:
        """Numbers of ``pending``, ``labelled``, ``failed``, and of ``labelled:<split>`` for every split."""
        counts = {"pending": 0, "labelled": 0, "failed": 0}
        rows = self._connection.execute(
            "SELECT state, split, count(*) FROM configuration GROUP BY state, split ORDER BY split"
        )
        for state, split, count in rows:
            counts[state] += count
            if state == "labelled":
                counts[f"labelled:{split}"] = count
        return counts

    def _insert(
        self,
        configuration: Configuration,
        state: State,
        split: str,
        origin: Mapping[str, Any],
        seconds: float | None,
    ) -> int:
        weights = [getattr(configuration, name) for name in _WEIGHTS]
        with self.transaction():
            cursor = self._connection.execute(
                "INSERT INTO configuration (state, split, origin, numbers, positions, cell, pbc, "
                "config_type, weights, info, energy, forces, stress, seconds) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    state,
                    split,
                    to_json(origin),
                    configuration.numbers.astype("<i4").tobytes(),
                    configuration.positions.astype("<f8").tobytes(),
                    configuration.cell.astype("<f8").tobytes(),
                    int(configuration.pbc @ np.array([1, 2, 4])),
                    configuration.config_type,
                    to_json(weights),
                    to_json(configuration.info),
                    *_label_values(configuration),
                    seconds,
                ),
            )
        if cursor.lastrowid is None:
            raise InputError(f"the store in {self.folder} gave no id to a new configuration")
        return cursor.lastrowid

    def _select(self, condition: str, values: Sequence[Any]) -> list[StoredConfiguration]:
        rows = self._connection.execute(
            "SELECT id, state, split, origin, seconds, reason, numbers, positions, cell, pbc, config_type, "
            f"weights, info, energy, forces, stress FROM configuration {condition}",
            tuple(values),
        )
        return [
            StoredConfiguration(
                id=id,
                state=state,
                split=split,
                origin=json.loads(origin),
                seconds=seconds,
                reason=reason,
                configuration=_configuration(*content),
            )
            for id, state, split, origin, seconds, reason, *content in rows
        ]

    def add_round(self, number: int, record: Mapping[str, Any]) -> None:
        """Keep the record of a finished round (plain JSON values); a round is finished once."""
        with self.transaction():
            try:
                self._connection.execute("INSERT INTO round VALUES (?, ?)", (number, to_json(record)))
            except sqlite3.IntegrityError:
                raise InputError(f"round {number} of {self.folder} is recorded already") from None

    def rounds(self) -> list[dict[str, Any]]:
        """Records of the finished rounds in order, each with its ``number``."""
        rows = self._connection.execute("SELECT number, record FROM round ORDER BY number")
        return [{"number": number, **json.loads(record)} for number, record in rows]

    def add_trace(self, round: int, walker: int, rows: NDArray[np.void] | Mapping[str, ArrayLike]) -> None:
        """Keep quantities per step of one walker, appended to what it has in this round.

        ``rows`` is a structured array or a mapping from column names to equally long lists.
        """
        columns, data = pack_trace(rows, round, walker)
        with self.transaction():
            self._connection.execute(
                "INSERT INTO trace (round, walker, columns, data) VALUES (?, ?, ?, ?)",
                (round, walker, columns, data),
            )

    def trace(self, round: int | None = None) -> dict[str, NDArray[Any]]:
        """Quantities per step, of one round or of all, in the order they were added.

        Returns
        -------
        dict
            Columns by name, with ``round`` and ``walker``, all of one length; NaN where a walker lacks one.
        """
        rows = self._connection.execute(
            "SELECT round, walker, columns, data FROM trace WHERE ?1 IS NULL OR round = ?1 "
            "ORDER BY round, walker, id",
            (round,),
        )
        return unpack_traces(rows)

    def save_checkpoint(
        self, key: str, arrays: Mapping[str, ArrayLike], meta: Mapping[str, Any] | None = None
    ) -> None:
        """Keep arrays (without loss) and plain values under a key, replacing what was there."""
        with self.transaction():
            self.drop_checkpoint(key)
            self._connection.execute("INSERT INTO checkpoint VALUES (?, ?)", (key, to_json(meta or {})))
            self._connection.executemany(
                "INSERT INTO checkpoint_array VALUES (?, ?, ?, ?, ?)",
                [(key, name, *to_blob(array)) for name, array in arrays.items()],
            )

    def load_checkpoint(self, key: str) -> tuple[dict[str, NDArray[Any]], dict[str, Any]] | None:
        """Arrays and plain values kept under a key, or None if there are none."""
        row = self._connection.execute("SELECT meta FROM checkpoint WHERE key = ?", (key,)).fetchone()
        if row is None:
            return None
        arrays = self._connection.execute(
            "SELECT name, dtype, shape, data FROM checkpoint_array WHERE key = ?", (key,)
        )
        return {name: from_blob(*blob) for name, *blob in arrays}, json.loads(row[0])

    def drop_checkpoint(self, key: str) -> None:
        """Forget a checkpoint; harmless if there is none."""
        with self.transaction():
            self._connection.execute("DELETE FROM checkpoint WHERE key = ?", (key,))


def _require_labels(configuration: Configuration) -> None:
    if not configuration.labels:
        raise InputError("a configuration without energy, forces and stress cannot be stored as labelled")


def _label_values(configuration: Configuration) -> tuple[float | None, bytes | None, bytes | None]:
    forces, stress = configuration.forces, configuration.stress
    return (
        configuration.energy,
        None if forces is None else forces.astype("<f8").tobytes(),
        None if stress is None else stress.astype("<f8").tobytes(),
    )


def _configuration(
    numbers: bytes,
    positions: bytes,
    cell: bytes,
    pbc: int,
    config_type: str,
    weights: str,
    info: str,
    energy: float | None,
    forces: bytes | None,
    stress: bytes | None,
) -> Configuration:
    return Configuration(
        numbers=np.frombuffer(numbers, "<i4").astype(np.int32),
        positions=np.frombuffer(positions, "<f8").reshape(-1, 3),
        cell=np.frombuffer(cell, "<f8").reshape(3, 3),
        pbc=np.array([bool(pbc & bit) for bit in (1, 2, 4)]),
        energy=energy,
        forces=None if forces is None else np.frombuffer(forces, "<f8").reshape(-1, 3),
        stress=None if stress is None else np.frombuffer(stress, "<f8"),
        config_type=config_type,
        info=json.loads(info),
        **dict(zip(_WEIGHTS, json.loads(weights), strict=True)),
    )
