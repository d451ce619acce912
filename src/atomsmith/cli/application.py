"""The `atomsmith` command: registers the verbs."""

from __future__ import annotations

from typing import Annotated

import typer

from atomsmith.cli import (
    assess,
    demo,
    evaluate,
    exchange,
    fit,
    lammps,
    learn,
    properties,
    report,
    schema,
    template,
    tune,
)
from atomsmith.cli.verb_group import VerbGroup

app = typer.Typer(
    name="atomsmith",
    cls=VerbGroup,
    help="Machine-learned interatomic potentials: learned actively, fitted, assessed and run.",
    epilog="Start with: atomsmith demo. Every verb has --help with an example.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS = (
    demo.demo,
    learn.learn,
    fit.fit,
    evaluate.evaluate,
    properties.properties,
    assess.assess,
    tune.tune,
    lammps.lammps,
    exchange.import_,
    exchange.export,
    report.report,
    template.template,
    schema.schema,
)
"""The verbs, in the order of the help page; those of single properties follow (`cli.property_verbs`)."""

for _verb in VERBS:
    app.command(_verb.__name__.rstrip("_"))(_verb)


def _version(asked: bool) -> None:
    if asked:
        from atomsmith.cli.versions import version_line

        typer.echo(version_line())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Machine-learned interatomic potentials: learned actively, fitted, assessed and run."""


def main() -> None:
    """Run the command line; the entry point of the `atomsmith` script."""
    app(prog_name="atomsmith")
