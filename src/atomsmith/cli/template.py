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
        metavar="VERB",
        help="A verb with a settings file: learn, fit, properties, assess or tune.",
        show_default=False,
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
    reference: Annotated[
        str | None,
        typer.Option(
            "--reference",
            metavar="KIND",
            help="For learn: the reference whose keys are shown, such as espresso.",
            show_default="tblite",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
) -> None:
    """Write a commented settings file with the defaults of a verb.

    With --output a JSON schema is put beside the file, so that editors with a
    YAML language server complete keys, show their meaning and mark mistakes.

    Example: atomsmith template learn --reference espresso -o learn.yaml
    """
    from atomsmith import settings_file
    from atomsmith.cli.output import write_text
    from atomsmith.cli.registry import settings_model

    model = settings_model(verb)
    if reference is not None and "reference" not in model.model_fields:
        raise InputError(f"--reference: the settings of {verb} have no reference; leave it out.")
    kinds = {} if reference is None else {"reference": reference}
    brief = {"reference": f"atomsmith template {verb} --reference KIND"}
    suffix = " -o potential.json" if verb == "fit" else ""
    if output is None:
        typer.echo(
            settings_file.template(
                model, f"Settings of: atomsmith {verb} {verb}.yaml{suffix}", kinds=kinds, brief=brief
            ),
            nl=False,
        )
        return
    if output.exists() and not force:
        raise InputError(f"{output}: exists already; give another name, or --force to replace it.")
    schema = output.with_suffix(".schema.json")
    heading = f"Settings of: atomsmith {verb} {output.name}{suffix}"
    text = settings_file.template(model, heading, schema=schema.name, kinds=kinds, brief=brief)
    write_text(schema, json.dumps(settings_file.json_schema(model, f"atomsmith {verb}"), indent=2) + "\n")
    write_text(output, text)
    typer.echo(f"wrote {output} and, for editors, {schema}")
