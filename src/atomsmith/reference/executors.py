"""Starting what calculations run in: this process, worker processes, Parsl or Dask.

.. code-block:: yaml

    executor:
      kind: processes
      workers: 4
      threads: 2
      timeout_s: 3600
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

from atomsmith.reference.ase_engine import object_at
from atomsmith.reference.engine import environment, require_module
from atomsmith.reference.pool import WorkerPool
from atomsmith.reference.registry import ENGINES
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class StartedExecutor:
    """An executor that runs.

    Attributes
    ----------
    executor
        Any `concurrent.futures.Executor`.
    width
        How many calculations to keep submitted.
    survives
        Whether it survives crashes of a calculation and keeps time limits by itself.
    """

    executor: Executor
    width: int
    survives: bool

    def close(self) -> None:
        """End it; calculations that still run are ended where that is possible."""
        if isinstance(self.executor, WorkerPool):
            self.executor.kill()
        else:
            self.executor.shutdown(wait=False)


def start(settings: ExecutorSettings, reference: ReferenceSettings, scratch: Path) -> StartedExecutor:
    """Start an executor for a reference; ``scratch`` takes files of its own, if it writes any.

    Raises
    ------
    InputError
        If its library is missing; the message names the mend.
    """
    kind = settings.kind
    if kind == "auto":
        alone = settings.workers == 1 and settings.timeout_s is None
        kind = "serial" if alone and ENGINES[reference.kind].in_process else "processes"
    return _start(settings.model_copy(update={"kind": kind}), scratch)


def start_workers(settings: ExecutorSettings, scratch: Path) -> StartedExecutor | None:
    """Start an executor for calls of this library's own; None where one call after the other runs here.

    Raises
    ------
    InputError
        If its library is missing; the message names the mend.
    """
    if settings.kind == "serial" or (settings.kind == "auto" and settings.workers == 1):
        return None
    kind = "processes" if settings.kind == "auto" else settings.kind
    return _start(settings.model_copy(update={"kind": kind}), scratch)


def _start(settings: ExecutorSettings, scratch: Path) -> StartedExecutor:
    if settings.kind == "serial":
        return StartedExecutor(SerialExecutor(settings.threads), width=1, survives=True)
    # One more than are computed keeps the workers busy while results are stored.
    width = settings.workers + 1
    if settings.kind == "processes":
        pool = WorkerPool(settings.workers, settings.timeout_s, thread_limits(settings.threads))
        return StartedExecutor(pool, width, survives=True)
    cluster = _parsl_executor(settings, scratch) if settings.kind == "parsl" else _dask_executor(settings)
    return StartedExecutor(cluster, width, survives=False)


class SerialExecutor(Executor):
    """Calls at once, in the calling thread.

    Variables reach engines that are loaded or started later; libraries that are loaded already are told
    directly. (On a busy machine, OpenMP threads waiting for one another made GFN2-xTB 200 times slower.)
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._variables = thread_limits(threads)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call the function and return its finished future."""
        future: Future[T] = Future()
        with environment(self._variables), threadpool_limits(limits=self._threads):
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:
                future.set_exception(error)
        return future


class DaskExecutor(Executor):
    """Dask's own executor, which also closes the client and the cluster that were started for it."""

    def __init__(self, client: Any, cluster: Any) -> None:
        self._client = client
        self._cluster = cluster
        self._executor: Executor = client.get_executor(pure=False)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Pass the call on."""
        return self._executor.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Close the client, and the cluster if it was started here."""
        self._executor.shutdown(wait=wait)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def thread_limits(threads: int) -> dict[str, str]:
    """Environment variables that limit the threads of an engine and its linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


def _parsl_executor(settings: ExecutorSettings, scratch: Path) -> Executor:
    """Load Parsl with the given configuration, or one for this machine."""
    mend = "pip install parsl"
    concurrent = require_module("parsl.concurrent", "parsl", mend)
    if settings.parsl_config is not None:
        config = object_at(settings.parsl_config, "parsl configuration")
        config = config() if callable(config) else config
    else:
        config = _local_parsl(settings.workers, scratch)
    # Parsl starts scripts by name that lie beside the Python that runs this.
    with environment({"PATH": _PATH}):
        executor: Executor = concurrent.ParslPoolExecutor(config=config)
    return executor


_PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def _local_parsl(workers: int, scratch: Path) -> Any:
    """Parsl's configuration for workers on this machine."""
    parsl = require_module("parsl", "parsl", "pip install parsl")
    providers = require_module("parsl.providers", "parsl", "pip install parsl")
    modules = os.pathsep.join(filter(None, sys.path))
    setup = f"export PATH={shlex.quote(_PATH)} PYTHONPATH={shlex.quote(modules)}"
    provider = providers.LocalProvider(init_blocks=1, max_blocks=1, worker_init=setup)
    executor = parsl.HighThroughputExecutor(
        label="atomsmith",
        max_workers_per_node=workers,
        address="127.0.0.1",
        loopback_address="127.0.0.1",
        provider=provider,
    )
    return parsl.Config(executors=[executor], usage_tracking=0, run_dir=str(scratch / "parsl"))


def _dask_executor(settings: ExecutorSettings) -> Executor:
    """Connect to the scheduler, or start one with workers on this machine."""
    distributed = require_module("distributed", "dask", "pip install 'dask[distributed]'")
    if settings.dask_address is not None:
        return DaskExecutor(distributed.Client(settings.dask_address), None)
    cluster = distributed.LocalCluster(
        n_workers=settings.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    return DaskExecutor(distributed.Client(cluster), cluster)
