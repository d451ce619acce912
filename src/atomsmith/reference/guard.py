"""Stops when the reference fails again and again."""

from __future__ import annotations

from atomsmith.errors import LabelError
from atomsmith.reference.labeller import LabelResult


class FailureGuard:
    """Counts failures in a row; a single bad configuration is no reason to stop, a broken reference is.

    Parameters
    ----------
    limit
        So many failures in a row stop.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.in_a_row = 0

    def record(self, result: LabelResult) -> None:
        """Take note of a result.

        Raises
        ------
        LabelError
            On the ``limit``-th failure in a row; it carries the last reason.
        """
        if result.ok:
            self.in_a_row = 0
            return
        self.in_a_row += 1
        if self.in_a_row >= self.limit:
            raise LabelError(
                f"{self.in_a_row} reference calculations in a row failed, the last with: {result.reason}"
            )
