"""Where labels are computed: in this process, in worker processes, or on a cluster through Parsl or Dask.

.. code-block:: yaml

    executor:
      kind: processes
      workers: 4
      threads: 2
      timeout_s: 3600
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from typing import Annotated, Any, Literal, ParamSpec, TypeVar

from pydantic import Field

from atomsmith.errors import InputError
from atomsmith.reference.ase_engine import object_at
from atomsmith.reference.engine import environment, require_module
from atomsmith.reference.labeller import runs_in_process
from atomsmith.reference.pool import WorkerPool
from atomsmith.reference.registry import ReferenceSettings
from atomsmith.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")


class _ExecutorSettings(Settings):
    """What all executors share."""

    threads: int = Field(default=1, ge=1, description="Threads of the reference engine in each calculation.")

    @property
    def width(self) -> int:
        """How many calculations to keep submitted."""
        return 1

    @property
    def isolates(self) -> bool:
        """Whether the executor itself survives crashes and keeps time limits."""
        return True

    @property
    def time_limit_s(self) -> float | None:
        """Time limit of one calculation."""
        return None

    @abstractmethod
    def make(self) -> Executor:
        """Start the executor."""


class SerialSettings(_ExecutorSettings):
    """One after the other in the calling process: no overhead, but a crash of the engine ends the run."""

    kind: Literal["serial"] = "serial"

    def make(self) -> Executor:
        """Return an executor that calls at once."""
        return SerialExecutor(thread_limits(self.threads))


class _ParallelSettings(_ExecutorSettings):
    workers: int = Field(default=1, ge=1, description="Calculations at the same time.")
    timeout_s: float | None = Field(
        default=None, gt=0.0, description="Time limit of one calculation in seconds; over it is a failure."
    )

    @property
    def width(self) -> int:
        """One more than are computed keeps the workers busy while results are stored."""
        return self.workers + 1

    @property
    def time_limit_s(self) -> float | None:
        """Time limit of one calculation."""
        return self.timeout_s


class ProcessSettings(_ParallelSettings):
    """Worker processes on this machine."""

    kind: Literal["processes"] = "processes"

    def make(self) -> Executor:
        """Return a pool of worker processes."""
        return WorkerPool(self.workers, self.timeout_s, thread_limits(self.threads))


class ParslSettings(_ParallelSettings):
    """Parsl: workers on this machine, or whatever a Parsl configuration of yours reaches (Slurm, PBS...)."""

    kind: Literal["parsl"] = "parsl"
    config: str | None = Field(
        default=None,
        description="Import path 'package.module:name' of a parsl Config, or of a function returning one.",
    )

    @property
    def isolates(self) -> bool:
        """Parsl's workers are shared by calculations."""
        return False

    def make(self) -> Executor:
        """Load Parsl with the given configuration, or one for this machine."""
        mend = "pip install parsl"
        concurrent = require_module("parsl.concurrent", "parsl", mend)
        if self.config is not None:
            config = object_at(self.config, "parsl configuration")
            config = config() if callable(config) else config
        else:
            parsl = require_module("parsl", "parsl", mend)
            providers = require_module("parsl.providers", "parsl", mend)
            config = parsl.Config(
                executors=[
                    parsl.HighThroughputExecutor(
                        label="atomsmith",
                        max_workers_per_node=self.workers,
                        address="127.0.0.1",
                        loopback_address="127.0.0.1",
                        provider=providers.LocalProvider(init_blocks=1, max_blocks=1),
                    )
                ],
                usage_tracking=0,
            )
        executor: Executor = concurrent.ParslPoolExecutor(config=config)
        return executor


class DaskSettings(_ParallelSettings):
    """Dask: a cluster on this machine, or the scheduler of one that runs already."""

    kind: Literal["dask"] = "dask"
    address: str | None = Field(
        default=None,
        description="Address of a running scheduler, such as tcp://node1:8786; else one is started.",
    )

    @property
    def isolates(self) -> bool:
        """Dask's workers are shared by calculations."""
        return False

    def make(self) -> Executor:
        """Connect to the scheduler, or start one with workers on this machine."""
        distributed = require_module("distributed", "dask", "pip install 'dask[distributed]'")
        if self.address is not None:
            return DaskExecutor(distributed.Client(self.address), None)
        cluster = distributed.LocalCluster(
            n_workers=self.workers, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        )
        return DaskExecutor(distributed.Client(cluster), cluster)


ExecutorSettings = Annotated[
    SerialSettings | ProcessSettings | ParslSettings | DaskSettings, Field(discriminator="kind")
]
"""Settings of any executor, told apart by ``kind``."""


class SerialExecutor(Executor):
    """Calls at once, in the calling thread."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = dict(variables)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call the function and return its finished future."""
        future: Future[T] = Future()
        with environment(self._variables):
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
        self._executor.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._client.close()
        if self._cluster is not None:
            self._cluster.close()


def default_executor(reference: ReferenceSettings) -> ExecutorSettings:
    """Return in-process calls for references of milliseconds, one worker process for all others."""
    return SerialSettings() if runs_in_process(reference) else ProcessSettings()


def thread_limits(threads: int) -> dict[str, str]:
    """Environment variables that limit the threads of an engine and its linear algebra."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return dict.fromkeys(names, str(threads))


def start(settings: ExecutorSettings) -> Executor:
    """Start an executor.

    Raises
    ------
    InputError
        If its library is missing or it cannot be started.
    """
    try:
        return settings.make()
    except OSError as error:
        raise InputError(f"executor {settings.kind!r} cannot be started: {error}") from error
