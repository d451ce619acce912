"""Many labels at once: submitted to an executor, handed on as they are done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError, LabelError
from atomsmith.reference.executors import start, thread_limits
from atomsmith.reference.labeller import LabelResult, check, label
from atomsmith.reference.pool import WorkerPool
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings

Key = TypeVar("Key", str, int)
_AUTO = ExecutorSettings()

LabelFunction = Callable[[Configuration, ReferenceSettings, Path], LabelResult]


class LabelRunner:
    """A reference with the executor that runs it; workers and engines stay alive between calls.

    Parameters
    ----------
    reference
        What labels.
    executor
        Where; see there for the default.
    scratch
        Folder below which every calculation gets its own, named by its key.
    elements
        Chemical symbols that are expected, for the check at the start.

    Raises
    ------
    InputError
        If the reference or the executor cannot run.
    """

    def __init__(
        self,
        reference: ReferenceSettings,
        executor: ExecutorSettings = _AUTO,
        *,
        scratch: Path,
        elements: Iterable[str] = (),
    ) -> None:
        check(reference, elements)
        self._reference = reference
        self._scratch = scratch
        self._started = start(executor, reference, scratch)
        self._function: LabelFunction = label
        if not self._started.survives:
            self._function = partial(label_isolated, timeout_s=executor.timeout_s, threads=executor.threads)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the executor; calculations that still run are ended where that is possible."""
        self._started.close()

    @property
    def reference(self) -> ReferenceSettings:
        """What labels."""
        return self._reference

    def run(
        self,
        tasks: Iterable[tuple[Key, Configuration]],
        own: Mapping[Key, ReferenceSettings] | None = None,
    ) -> Iterator[tuple[Key, LabelResult]]:
        """Label configurations; see `run_labels`."""
        started = self._started
        return run_labels(
            started.executor, tasks, self._reference, self._scratch, started.width, self._function, own
        )


def run_labels(
    executor: Executor,
    tasks: Iterable[tuple[Key, Configuration]],
    reference: ReferenceSettings,
    scratch: Path,
    width: int,
    function: LabelFunction = label,
    own: Mapping[Key, ReferenceSettings] | None = None,
) -> Iterator[tuple[Key, LabelResult]]:
    """Label configurations with any executor and yield results as they are done, in any order.

    Parameters
    ----------
    executor
        Any `concurrent.futures.Executor`; ``function`` and its arguments are passed to it.
    tasks
        Configurations with the keys that name them; taken only as fast as they are computed.
    reference
        What labels.
    scratch
        Folder below which every calculation gets its own, named by its key.
    width
        How many calculations to keep submitted: what is lost when the caller stops early.
    function
        `label`, or `label_isolated` where the executor does not survive crashes.
    own
        References of tasks, by key, that are not labelled by ``reference``.

    Yields
    ------
    key, result
        A worker that dies or exceeds its time limit gives a result with that reason.

    Raises
    ------
    InputError
        If the reference cannot run at all.
    """
    source, different = iter(tasks), own or {}
    pending: dict[Future[LabelResult], tuple[Key, float]] = {}
    exhausted = False
    try:
        while True:
            while not exhausted and len(pending) < width:
                task = next(source, None)
                if task is None:
                    exhausted = True
                else:
                    begin = time.perf_counter()
                    settings = different.get(task[0], reference)
                    future = executor.submit(function, task[1], settings, scratch / str(task[0]))
                    pending[future] = (task[0], begin)
            if not pending:
                return
            for future in wait(pending, return_when=FIRST_COMPLETED).done:
                key, begin = pending.pop(future)
                yield key, _outcome(future, begin)
    finally:
        for future in pending:
            with suppress(NotImplementedError):  # Parsl's futures cannot be cancelled
                future.cancel()


def label_isolated(
    configuration: Configuration,
    reference: ReferenceSettings,
    folder: Path,
    timeout_s: float | None = None,
    threads: int = 1,
) -> LabelResult:
    """`label` in a process of its own, for executors whose workers must not die or hang with an engine."""
    key = (timeout_s, threads)
    if key not in _pools:
        _pools[key] = WorkerPool(1, timeout_s, thread_limits(threads))
    begin = time.perf_counter()
    return _outcome(_pools[key].submit(label, configuration, reference, folder), begin)


_pools: dict[tuple[float | None, int], WorkerPool] = {}


def _outcome(future: Future[LabelResult], begin: float) -> LabelResult:
    """Result of a finished calculation; what broke its worker is a failure of that configuration."""
    try:
        return future.result()
    except InputError:
        raise
    except LabelError as error:
        reason = str(error)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
    return LabelResult(None, reason, time.perf_counter() - begin)
