import contextlib
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from atomsmith.data import Dataset, Store, schema
from atomsmith.errors import InputError, RunLockedError


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "run") as opened:
        yield opened


def test_values(store: Store) -> None:
    assert store.get("a") is None
    assert store.get("a", 3) == 3
    store.set("a", {"b": [1, np.float64(0.1), np.arange(2), None, "x"]})
    assert store.get("a") == {"b": [1, 0.1, [0, 1], None, "x"]}
    store.set("a", 2)
    assert store.get("a") == 2
    with pytest.raises(InputError, match="cannot be stored as JSON"):
        store.set("a", object())
    assert store.get("a") == 2


def test_life_of_a_configuration(store: Store, make) -> None:
    original = make(0, config_type="liquid", weight=2.0, info={"note": [1, "x"]})
    id = store.add(original, split="train", origin={"round": 1, "walker": 3})
    ((pending_id, pending),) = store.pending()
    assert pending_id == id
    assert pending.fingerprint() == original.without_labels().fingerprint()
    assert pending.info == original.info
    assert store.counts() == {"pending": 1, "labelled": 0, "failed": 0}
    store.record_label(id, original, 1.5)
    assert store.pending() == []
    ((_, labelled),) = store.labelled()
    assert labelled.fingerprint() == original.fingerprint()
    entry = store.entry(id)
    assert (entry.state, entry.split, entry.seconds) == ("labelled", "train", 1.5)
    assert entry.origin == {"round": 1, "walker": 3}
    assert store.counts() == {"pending": 0, "labelled": 1, "failed": 0, "labelled:train": 1}
    with pytest.raises(InputError, match=r"configuration 1 of .* is labelled already"):
        store.record_label(id, original, 1.0)
    with pytest.raises(InputError, match="is labelled already"):
        store.record_failure(id, "x", 1.0)


def test_failures(store: Store, make) -> None:
    id = store.add(make(0), split="train", origin={})
    store.record_failure(id, "not converged", 2.0)
    (failure,) = store.failures()
    assert (failure.id, failure.reason, failure.seconds) == (id, "not converged", 2.0)
    assert store.pending() == []
    assert store.retry_failures() == 1
    assert [i for i, _ in store.pending()] == [id]
    assert store.failures() == []


def test_labels_must_fit(store: Store, make) -> None:
    id = store.add(make(0), split="train", origin={})
    with pytest.raises(InputError, match="belongs to another structure"):
        store.record_label(id, make(1), 1.0)
    with pytest.raises(InputError, match="without energy, forces and stress"):
        store.record_label(id, make(0).without_labels(), 1.0)
    with pytest.raises(InputError, match="has no configuration 7"):
        store.record_failure(7, "x", 1.0)
    with pytest.raises(InputError, match="without energy, forces and stress"):
        store.add_labelled(make(0).without_labels(), split="train", origin={})


def test_data_sets_come_back_in_order(store: Store, make) -> None:
    items = [make(k, forces=None) if k % 2 else make(k, stress=None) for k in range(6)]
    splits = ["train", "test", "train", "train", "test", "train"]
    ids = store.add_many(((c, s, {}) for c, s in zip(items, splits, strict=True)), labelled=True)
    assert ids == [1, 2, 3, 4, 5, 6]
    assert store.dataset().fingerprint() == Dataset(items).fingerprint()
    assert store.dataset("test").fingerprint() == Dataset([items[1], items[4]]).fingerprint()


def test_add_many_is_all_or_nothing(store: Store, make) -> None:
    with pytest.raises(InputError):
        store.add_many([(make(0), "a", {}), (make(1).without_labels(), "a", {})], labelled=True)
    assert store.counts()["labelled"] == 0


def test_rounds(store: Store) -> None:
    store.add_round(2, {"score": 0.5})
    store.add_round(1, {"score": np.float64(0.25)})
    assert store.rounds() == [{"number": 1, "score": 0.25}, {"number": 2, "score": 0.5}]
    with pytest.raises(InputError, match=r"round 2 of .* is recorded already"):
        store.add_round(2, {})


def test_traces(store: Store) -> None:
    rows = np.zeros(3, dtype=[("walker", np.int32), ("step", np.int64), ("energy", float)])
    rows["step"], rows["energy"] = [1, 2, 3], [0.1, np.nan, 0.3]
    store.add_trace(1, 0, rows)
    store.add_trace(2, 1, {"step": [7], "sigma": [0.5]})
    store.add_trace(1, 0, {"step": [4], "energy": [0.4]})
    first = store.trace(1)
    assert sorted(first) == ["energy", "round", "step", "walker"]
    assert first["step"].tolist() == [1, 2, 3, 4]
    assert first["step"].dtype == np.int64
    assert np.array_equal(first["energy"], [0.1, np.nan, 0.3, 0.4], equal_nan=True)
    everything = store.trace()
    assert everything["round"].tolist() == [1, 1, 1, 1, 2]
    assert everything["walker"].tolist() == [0, 0, 0, 0, 1]
    assert np.array_equal(everything["sigma"], [np.nan] * 4 + [0.5], equal_nan=True)
    assert store.trace(9)["round"].shape == (0,)
    with pytest.raises(InputError, match="must be equally long"):
        store.add_trace(1, 0, {"a": [1], "b": [1, 2]})
    with pytest.raises(InputError, match="expected one number a step"):
        store.add_trace(1, 0, {"a": [[1, 2]]})
    with pytest.raises(InputError, match="a trace of walker 1 has rows of another walker"):
        store.add_trace(1, 1, rows)


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(0).normal(size=(3, 4, 2)),
        np.array([np.nan, np.inf, -0.0, 5e-324]),
        np.array([True, False]),
        np.array(2**63 + 1, dtype=np.uint64),
        np.arange(6, dtype=">i4").reshape(2, 3).T,
        np.zeros((0, 3)),
    ],
)
def test_checkpoints_keep_every_bit(store: Store, array: np.ndarray) -> None:
    store.save_checkpoint("walkers", {"a": array}, {"step": 3})
    loaded = store.load_checkpoint("walkers")
    assert loaded is not None
    arrays, meta = loaded
    assert meta == {"step": 3}
    assert arrays["a"].dtype == array.dtype.newbyteorder("=")
    assert arrays["a"].shape == array.shape
    assert arrays["a"].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()
    assert arrays["a"].flags.writeable


def test_checkpoints_are_replaced_and_dropped(store: Store) -> None:
    store.save_checkpoint("a", {"x": np.ones(2), "y": np.ones(1)})
    store.save_checkpoint("b", {"x": np.zeros(1)})
    store.save_checkpoint("a", {"z": np.ones(3)})
    loaded = store.load_checkpoint("a")
    assert loaded is not None
    assert list(loaded[0]) == ["z"]
    store.drop_checkpoint("a")
    store.drop_checkpoint("a")
    assert store.load_checkpoint("a") is None
    assert store.load_checkpoint("b") is not None
    with pytest.raises(InputError, match="cannot be stored"):
        store.save_checkpoint("b", {"x": np.array(["text"])})
    assert store.load_checkpoint("b") is not None


def test_a_failed_transaction_leaves_nothing(store: Store, make) -> None:
    store.save_checkpoint("walkers", {"x": np.ones(1)})

    def end_of_round() -> None:
        with store.transaction():
            store.add_many([(make(0), "train", {})])
            store.add_round(1, {})
            store.drop_checkpoint("walkers")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        end_of_round()
    assert store.counts()["pending"] == 0
    assert store.rounds() == []
    assert store.load_checkpoint("walkers") is not None


def test_an_inner_failure_that_is_caught_undoes_only_itself(store: Store) -> None:
    with store.transaction():
        store.set("before", 1)
        with contextlib.suppress(InputError), store.transaction():
            store.set("inner", 1)
            store.set("inner", object())
        store.set("after", 1)
    assert [store.get(key) for key in ("before", "inner", "after")] == [1, None, 1]


def test_reopening_finds_everything(tmp_path: Path, make) -> None:
    with Store.open(tmp_path) as store:
        store.add_labelled(make(0), split="train", origin={}, seconds=2.0)
    with Store.open(tmp_path) as store:
        assert store.entry(1).seconds == 2.0
        assert store.add(make(1), split="test", origin={}) == 2


def test_one_store_a_folder(tmp_path: Path) -> None:
    with Store.open(tmp_path):
        with pytest.raises(RunLockedError, match="already open in this process"):
            Store.open(tmp_path)
        with pytest.raises(RunLockedError, match="already open in this process"):
            Store.open(tmp_path)
    Store.open(tmp_path).close()


def test_a_file_is_no_folder_for_a_run(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("")
    with pytest.raises(InputError, match="run is a file, expected a folder"):
        Store.open(tmp_path / "run")


def test_reading_beside_a_writer(tmp_path: Path, make) -> None:
    with pytest.raises(InputError, match="holds no run"):
        Store.open(tmp_path / "none", read_only=True)
    with Store.open(tmp_path) as writer, Store.open(tmp_path, read_only=True) as reader:
        writer.add_labelled(make(0), split="train", origin={})
        assert len(reader.labelled()) == 1
        with pytest.raises(InputError, match="opened read-only"):
            reader.set("a", 1)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader._connection.execute("DELETE FROM configuration")


def test_foreign_and_newer_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_text("not a database, but long enough to look at" * 30)
    with pytest.raises(InputError, match="is not a store of Atomsmith"):
        Store.open(tmp_path)
    (tmp_path / "store.sqlite").unlink()
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.execute("CREATE TABLE mine (a)")
    with pytest.raises(InputError, match="something else than Atomsmith"):
        Store.open(tmp_path)
    (tmp_path / "store.sqlite").unlink()
    Store.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="written by a newer Atomsmith"):
        Store.open(tmp_path)


def test_older_stores_are_upgraded(tmp_path: Path, make, monkeypatch: pytest.MonkeyPatch) -> None:
    with Store.open(tmp_path) as store:
        store.add_labelled(make(0), split="train", origin={})
    newer = (*schema.UPGRADES, "ALTER TABLE configuration ADD COLUMN comment TEXT;")
    monkeypatch.setattr(schema, "UPGRADES", newer)
    with Store.open(tmp_path) as store:
        assert store.dataset().fingerprint() == Dataset([make(0)]).fingerprint()
        assert store._connection.execute("SELECT comment FROM configuration").fetchall() == [(None,)]
        assert store._connection.execute("PRAGMA user_version").fetchone()[0] == len(newer)


def test_a_broken_upgrade_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store.open(tmp_path).close()
    broken = (*schema.UPGRADES, "ALTER TABLE configuration ADD COLUMN comment TEXT; SELECT * FROM nowhere;")
    monkeypatch.setattr(schema, "UPGRADES", broken)
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        Store.open(tmp_path)
    monkeypatch.undo()
    with Store.open(tmp_path) as store:
        columns = [row[1] for row in store._connection.execute("PRAGMA table_info(configuration)")]
    assert "comment" not in columns
