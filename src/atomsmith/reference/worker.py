"""The program of a worker process: ``python -m atomsmith.reference.worker FD``.

Calls arrive as ``(function, args, kwargs)`` on the socket with file descriptor FD; ``(True, result)`` or
``(False, exception)`` goes back, once also to say that the worker is ready. When the other end closes, the
worker ends itself and all programs that it has started, in the middle of a calculation too: a killed run
leaves nothing behind that computes.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from atomsmith.errors import LabelError


def main(descriptor: int) -> None:
    """Serve calls until the other end closes."""
    os.set_inheritable(descriptor, False)  # or programs started here would keep the connection open
    connection: Connection[Any, Any] = Connection(descriptor)
    calls: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(connection, calls), daemon=True).start()
    connection.send_bytes(_pickled((True, None)))
    while True:
        function, args, kwargs = calls.get()
        try:
            reply = (True, function(*args, **kwargs))
        except Exception as error:
            reply = (False, error)
        connection.send_bytes(_pickled(reply))


def _receive(connection: Connection[Any, Any], calls: queue.SimpleQueue[Any]) -> None:
    while True:
        try:
            calls.put(connection.recv())
        except (EOFError, OSError):
            # The worker leads its own process group: this ends pw.x and the like with it.
            os.killpg(os.getpgid(0), signal.SIGKILL)


def _pickled(reply: tuple[bool, Any]) -> bytes:
    try:
        return pickle.dumps(reply)
    except Exception as error:
        return pickle.dumps((False, LabelError(f"{reply[1]!r} cannot be passed between processes: {error}")))


if __name__ == "__main__":
    main(int(sys.argv[1]))
