"""`atomsmith template`: a commented settings file to start from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from atomsmith.cli.failures import reported
from atomsmith.errors import InputError

Verb = Annotated[
    str,
    typer.Argument(
        metavar="VERB", help="A verb with a settings file: learn, fit or properties.", show_default=False
    ),
]


@reported()
def template(
    verb: Verb,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write to this YAML file, and the schema for editors beside it.",
            show_default="standard output",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented settings file with the defaults of a verb.

    With --output a JSON schema is put beside the file, so that editors with a
    YAML language server complete keys, show their meaning and mark mistakes.

    Example: atomsmith template fit -o fit.yaml
    """
    from atomsmith import settings_file
    from atomsmith.cli.output import write_text
    from atomsmith.cli.registry import settings_model

    model = settings_model(verb)
    suffix = " -o potential.json" if verb == "fit" else ""
    if output is None:
        typer.echo(
            settings_file.template(model, f"Settings of: atomsmith {verb} {verb}.yaml{suffix}"), nl=False
        )
        return
    if output.exists() and not force:
        raise InputError(f"{output}: exists already; give another name, or --force to replace it.")
    schema = output.with_suffix(".schema.json")
    heading = f"Settings of: atomsmith {verb} {output.name}{suffix}"
    write_text(schema, json.dumps(settings_file.json_schema(model, f"atomsmith {verb}"), indent=2) + "\n")
    write_text(output, settings_file.template(model, heading, schema=schema.name))
    typer.echo(f"wrote {output} and, for editors, {schema}")
