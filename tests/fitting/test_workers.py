"""Fits whose rows are made by worker processes here, by Parsl and by Dask."""

from pathlib import Path

import numpy as np
import pytest

import atomsmith.fitting.rows.streaming as streaming
from atomsmith.errors import InputError
from atomsmith.fitting.rows.streaming import Workers
from atomsmith.reference.executors import start_workers
from atomsmith.reference.settings import ExecutorSettings

from .test_streaming import accumulated, given, require_same_bits  # noqa: F401 - a fixture


@pytest.mark.parametrize("kind", ["processes", "parsl", "dask"])
def test_any_workers_give_the_same_bits(kind, given, tmp_path: Path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(streaming, "leaf_rows", lambda n: 120)
    try:
        started = start_workers(ExecutorSettings(kind=kind, workers=2), tmp_path)
    except InputError as error:
        pytest.skip(str(error))
    assert started is not None
    try:
        found = accumulated(given, workers=Workers(started.executor, 2))
    finally:
        started.close()
    require_same_bits(found, accumulated(given))


@pytest.mark.parametrize("settings", [{}, {"kind": "serial"}])
def test_one_worker_is_this_process(settings, tmp_path: Path):
    assert start_workers(ExecutorSettings(**settings), tmp_path) is None


def test_several_are_processes_by_default(tmp_path: Path):
    started = start_workers(ExecutorSettings(workers=2), tmp_path)
    assert started is not None
    try:
        assert np.array_equal(started.executor.submit(np.arange, 3).result(), [0, 1, 2])
    finally:
        started.close()
