"""Runs ``atomsmith learn`` again and again, each in a process of its own, without its imports each time.

Reads one JSON object a line: ``arguments`` of the command, ``log`` for what it prints, and when to kill
it, ``after`` so many seconds, or at the ``commit``-th transaction of its store, ``before`` it is on disk or
after.
Answers with the exit code, -9 of a process that was killed.
"""

import itertools
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import atomsmith.cli.observer
import atomsmith.cli.output
import atomsmith.learning.loop
import atomsmith.settings_file  # noqa: F401
import learning.calculators  # noqa: F401
from atomsmith.cli import main
from atomsmith.data.database import Database


def kill_at(commit: int, before: bool) -> None:
    """Let this process kill itself around its ``commit``-th transaction."""
    original, count = Database.transaction, itertools.count(1)

    @contextmanager
    def transaction(self: Database) -> Iterator[None]:
        outermost, mine = self._depth == 0, False
        with original(self):
            yield
            if outermost:
                mine = next(count) == commit
            if mine and before:
                os.kill(os.getpid(), signal.SIGKILL)
        if mine:
            os.kill(os.getpid(), signal.SIGKILL)

    Database.transaction = transaction  # type: ignore[method-assign]


def child(task: dict[str, Any]) -> None:
    """Be the command; never returns."""
    code = 1
    try:
        with open(task["log"], "ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        if "commit" in task:
            kill_at(task["commit"], task["before"])
        sys.argv = ["atomsmith", *task["arguments"]]
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def serve() -> None:
    """Answer tasks until there are no more."""
    print("ready", flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        began = time.monotonic()
        process = os.fork()
        if process == 0:
            child(task)
        while os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.monotonic() - began > task.get("after", 120.0):
                os.kill(process, signal.SIGKILL)
                break
            time.sleep(0.001)
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


if __name__ == "__main__":
    serve()
