"""JSON schema of a settings model, so that editors complete and check its YAML."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema(model: type[BaseModel], title: str | None = None) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a settings model, with ``$schema`` and a title."""
    schema = model.model_json_schema()
    return {"$schema": DIALECT, **schema, "title": title or model.__name__}
