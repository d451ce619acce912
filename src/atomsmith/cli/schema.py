"""`atomsmith schema`: the JSON schema of a verb's settings file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from atomsmith.cli.failures import reported
from atomsmith.cli.template import Verb


@reported()
def schema(
    verb: Verb,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write to this file.", show_default="standard output"),
    ] = None,
) -> None:
    """Write the JSON schema of a verb's settings file, for editors.

    Editors with a YAML language server use it when the settings file begins so:
    # yaml-language-server: $schema=fit.schema.json

    Example: atomsmith schema fit -o fit.schema.json
    """
    from atomsmith import settings_file
    from atomsmith.cli.output import require_writable, write_text
    from atomsmith.cli.registry import settings_model

    text = json.dumps(settings_file.json_schema(settings_model(verb), f"atomsmith {verb}"), indent=2)
    if output is None:
        typer.echo(text)
    else:
        require_writable({"--output": output})
        write_text(output, text + "\n")
        typer.echo(f"wrote {output}")
