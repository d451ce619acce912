"""How verbs end when something goes wrong: one sentence for the user, an exit code for scripts."""

from __future__ import annotations

import errno
import functools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import typer

from atomsmith.errors import AtomsmithError, LabelWarning

BAD_INPUT = 2
"""Exit code of a refused input or a failed run, explained in one sentence."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it (128 + SIGINT)."""
DEBUG_VARIABLE = "ATOMSMITH_DEBUG"
"""Environment variable: set to 1, errors show their traceback."""

P = ParamSpec("P")
R = TypeVar("R")


def reported(
    interrupted: str = "nothing was written; run the same command again to start anew",
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a verb so that its errors become one red sentence on stderr and an exit code.

    Parameters
    ----------
    interrupted
        What Ctrl-C leaves behind and how to go on, shown after "interrupted: ".
    """

    def decorate(verb: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(verb)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                with _warnings_shown():
                    return verb(*args, **kwargs)
            except KeyboardInterrupt:
                _say(f"interrupted: {interrupted}.")
                raise typer.Exit(INTERRUPTED) from None
            except BrokenPipeError:  # the reader of our output, as `| head`, has gone
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise typer.Exit(1) from None
            except (AtomsmithError, OSError, MemoryError) as error:
                if os.environ.get(DEBUG_VARIABLE, "0") not in ("", "0"):
                    raise
                _say(f"error: {_sentence(error)}")
                raise typer.Exit(BAD_INPUT) from None

        return run

    return decorate


@contextmanager
def _warnings_shown() -> Iterator[None]:
    """Show doubts about labels as one line each."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", LabelWarning)
        usual = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
            if issubclass(category, LabelWarning):
                _say(f"WARNING: {message}.")
            else:
                usual(message, category, *where, **more)

        warnings.showwarning = show
        yield


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        subject = f"{error.filename}: " if error.filename else ""
        if isinstance(error, FileExistsError | NotADirectoryError):
            return f"{subject}a file stands where a folder is needed; choose another place."
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return f"{subject}no space is left there; make room, or choose another place."
        return f"{subject}{error.strerror} (set {DEBUG_VARIABLE}=1 to see where)."
    text = " ".join(str(error).split())
    if isinstance(error, MemoryError):
        text = f"out of memory{f' ({text})' if text else ''}; take fewer functions or structures at once."
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _say(text: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(text, style="red", markup=False, highlight=False, soft_wrap=True)
