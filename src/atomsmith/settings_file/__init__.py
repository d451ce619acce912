"""Settings files: YAML read into settings models, commented templates and JSON schemas made from them."""

from atomsmith.settings_file.document import Document, parse_document
from atomsmith.settings_file.loading import (
    load_settings,
    settings_from_assignments,
    settings_from_values,
)
from atomsmith.settings_file.schema import json_schema
from atomsmith.settings_file.template import template

__all__ = [
    "Document",
    "json_schema",
    "load_settings",
    "parse_document",
    "settings_from_assignments",
    "settings_from_values",
    "template",
]
