"""The group of verbs, in which those of properties are made when they are called."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from atomsmith.cli.property_verbs import PANEL, PROPERTY_VERBS, property_command


class VerbGroup(TyperGroup):
    """Lists the properties without importing them, so that the first help page comes at once."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Names of all verbs."""
        return [*super().list_commands(ctx), *PROPERTY_VERBS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a verb; of a property only what a list shows."""
        if cmd_name in PROPERTY_VERBS:
            return TyperCommand(cmd_name, help=PROPERTY_VERBS[cmd_name].summary, rich_help_panel=PANEL)
        return super().get_command(ctx, cmd_name)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb to call."""
        if args and args[0] in PROPERTY_VERBS:
            return args[0], _made(args[0]), args[1:]
        return super().resolve_command(ctx, args)


def _made(name: str) -> Any:
    app = typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command(name)(property_command(name))
    return typer.main.get_command(app)
