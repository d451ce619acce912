"""What the learning loop tells whoever watches it; the command line draws it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from atomsmith.sampling.sampler import Progress


class Observer(Protocol):
    """Receives plain values; each method returns a context for the duration of that part."""

    def message(self, text: str) -> None:
        """One line that stays."""
        ...

    def fitting(self, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Rows are being made; call with the number of configurations done."""
        ...

    def sampling(self, round_number: int, labels: int) -> AbstractContextManager[Callable[[Progress], None]]:
        """Walkers run; call with their progress."""
        ...

    def labelling(self, total: int) -> AbstractContextManager[Callable[[float, bool], None]]:
        """References calculate; call with seconds and whether it failed, once for each calculation."""
        ...


class Silent:
    """An observer that ignores everything."""

    def message(self, text: str) -> None:
        """Ignore."""

    def fitting(self, total: int) -> AbstractContextManager[Callable[[int], None]]:
        """Ignore."""
        return nullcontext(_ignore)

    def sampling(self, round_number: int, labels: int) -> AbstractContextManager[Callable[[Progress], None]]:
        """Ignore."""
        return nullcontext(_ignore)

    def labelling(self, total: int) -> AbstractContextManager[Callable[[float, bool], None]]:
        """Ignore."""
        return nullcontext(_ignore)


def _ignore(*_: Any) -> None:
    pass
