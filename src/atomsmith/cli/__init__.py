"""The command line: one module a verb, each imported light; heavy imports stand inside the verbs."""

from atomsmith.cli.application import main

__all__ = ["main"]
