"""Words in messages."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """Write a number with a noun, as ``1 walker`` and ``1,200 walkers``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
