"""Worker processes that may crash or hang: a `concurrent.futures.Executor` that survives them."""

from __future__ import annotations

import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, ParamSpec, TypeVar

from atomsmith.errors import LabelError
from atomsmith.reference.engine import last_words

P = ParamSpec("P")
T = TypeVar("T")


class WorkerDiedError(LabelError):
    """The process that made a calculation ended by itself: a crash of the engine, or too little memory."""


class WorkerTimeoutError(LabelError):
    """A calculation took longer than allowed and was ended."""


@dataclass
class _Call:
    future: Future[Any]
    content: tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]


class WorkerPool(Executor):
    """Persistent worker processes, each with a thread here that feeds it.

    Other than with `concurrent.futures.ProcessPoolExecutor`, a process that dies costs only the call it was
    working on, a call has a time limit, and the caller's main module is not run again in the workers.

    Parameters
    ----------
    workers
        Number of processes; they start with their first call.
    timeout_s
        Time limit of one call in seconds, after which the worker and the programs it has started are killed.
    environment
        Environment variables of the workers beside those of this process.
    """

    def __init__(
        self, workers: int, timeout_s: float | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._timeout_s = timeout_s
        self._environment = dict(environment or {})
        self._lock = threading.Lock()
        self._closed = False
        self._killed = threading.Event()
        self._processes: set[_Process] = set()
        self._threads = [threading.Thread(target=self._feed, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call a function, which must be importable by its name, in one of the workers."""
        future: Future[T] = Future()
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool of workers has been shut down")
            self._calls.put(_Call(future, (fn, args, kwargs)))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the workers after all submitted calls, or with ``cancel_futures`` after the running ones."""
        with self._lock:
            first = not self._closed
            self._closed = True
        if cancel_futures:
            self._cancel()
        if first:
            for _ in self._threads:
                self._calls.put(None)
        if wait:
            for thread in self._threads:
                thread.join()

    def kill(self) -> None:
        """End the workers at once; running calls fail with `WorkerDiedError`."""
        self._killed.set()
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            process.kill()
        self.shutdown(cancel_futures=True)

    def _cancel(self) -> None:
        while True:
            try:
                call = self._calls.get_nowait()
            except queue.Empty:
                return
            if call is not None:
                call.future.cancel()
            else:
                self._calls.put(None)
                return

    def _feed(self) -> None:
        """Serve calls one after the other with one process, replaced when it has died."""
        process: _Process | None = None
        while (call := self._calls.get()) is not None:
            if not call.future.set_running_or_notify_cancel():
                continue
            try:
                if process is None:
                    process = self._start()
                done, value = process.call(call.content, self._timeout_s)
            except Exception as error:
                if process is not None and not process.alive:
                    self._forget(process)
                    process = None
                call.future.set_exception(error)
            else:
                if done:
                    call.future.set_result(value)
                else:
                    call.future.set_exception(value)
        if process is not None:
            process.kill()
            self._forget(process)

    def _start(self) -> _Process:
        process = _Process(self._environment)
        with self._lock:
            self._processes.add(process)
        if self._killed.is_set():
            process.kill()
        return process

    def _forget(self, process: _Process) -> None:
        with self._lock:
            self._processes.discard(process)
        process.close()


class _Process:
    """One worker process and the connection to it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        ours, theirs = socket.socketpair()
        # Without a name: gone with the processes that have it open.
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - `close` closes it
        try:
            self._popen = subprocess.Popen(
                # -P keeps the current folder from shadowing modules.
                [sys.executable, "-P", "-m", "atomsmith.reference.worker", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=self._log,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environment},
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        finally:
            theirs.close()
        self._connection: Connection[Any, Any] = Connection(ours.detach())
        self._ready = False
        self.alive = True

    def call(self, content: object, timeout_s: float | None) -> tuple[bool, Any]:
        """Have a call made; returns whether it succeeded, and its result or exception."""
        try:
            if not self._ready:  # the time limit is not spent on imports
                self._connection.recv()
                self._ready = True
            self._connection.send(content)
            if not self._connection.poll(timeout_s):
                self.kill()
                raise WorkerTimeoutError(f"the calculation was ended after its time limit of {timeout_s:g} s")
            reply: tuple[bool, Any] = self._connection.recv()
        except (EOFError, ConnectionError) as error:
            self.kill()
            raise WorkerDiedError(self._last_words()) from error
        return reply

    def kill(self) -> None:
        """End the process and the programs it has started."""
        self.alive = False
        # The group also outlives a leader that has died by itself.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def close(self) -> None:
        """Wait for the end of a killed process and tidy up."""
        self._popen.wait()
        self._connection.close()
        self._log.close()

    def _last_words(self) -> str:
        code = self._popen.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = last_words(self._log)
        return f"the worker process died with {how}" + (f"; it said: {said}" if said else "")
