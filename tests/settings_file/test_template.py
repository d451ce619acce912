"""Templates and schemas: complete, commented, and loading back to the defaults."""

import re
from pathlib import Path
from typing import Literal

import pytest
import yaml
from pydantic import Field

from atomsmith.settings import Settings
from atomsmith.settings_file import json_schema, load_settings, parse_document, template
from settings_file.models import Ace, Example, Repulsion, Soap


def _load(text: str, folder: Path, *overrides: str) -> Settings:
    (folder / "in.yaml").write_text(text)
    return load_settings(folder / "in.yaml", Example, overrides)


def test_the_template_loads_back_to_the_defaults(tmp_path):
    expected = Example(train=tmp_path / "a.xyz")
    assert _load(template(Example), tmp_path, "train=a.xyz") == expected


def test_other_yaml_readers_find_the_same_values():
    """A reader of YAML 1.1 agrees: numbers that it would take for text are written so that it does not."""
    assert yaml.safe_load(template(Example)) == parse_document(template(Example), "in.yaml").values


def test_every_key_is_there_with_its_meaning():
    text = template(Example)
    for name, info in Example.model_fields.items():
        assert re.search(rf"^(# )?{name}:", text, re.MULTILINE), name
        assert info.description in text
    assert "# (required) Training set\ntrain:\n" in text
    assert "One of ridge, evidence, ard" in text
    assert "# Steps. At least 1, below 1000000000" in text
    assert text.startswith("# An example of everything.\n")


def test_what_is_off_is_commented_out_and_can_be_switched_on(tmp_path):
    text = template(Example)
    assert "\n# Another repulsion\n# outer:\n#   inner: 1.0e-06\n" in text
    switched_on = re.sub(r"# (outer:\n)#( .*\n)", r"\1\2", text)
    assert _load(switched_on, tmp_path, "train=a").outer == Repulsion()
    assert "\n# more:\n#   - kind: ace\n#     cutoff: 5.0\n" in text


def test_keys_of_a_block_without_values_can_be_given_some(tmp_path):
    class Source(Settings):
        file: Path | None = Field(None, description="A file")
        element: str | None = Field(None, description="An element")

    class Both(Settings):
        source: Source = Field(description="Where from")

    text = template(Both)
    assert text.count("# element: null\n") == 1
    (tmp_path / "in.yaml").write_text(text.replace("# element: null", "element: Cu"))
    assert load_settings(tmp_path / "in.yaml", Both).source == Source(element="Cu")


def test_models_are_explained_once():
    text = template(Example)
    assert text.count("Cutoff radius in angstrom") == 1
    assert (
        "\n# or, instead of 'basis' above, kind: soap, with the keys shown elsewhere in this file\n" in text
    )

    class One(Settings):
        basis: Ace | Soap = Field(Ace(), discriminator="kind", description="Basis")

    alternative = "# or, instead of 'basis' above:\n# basis:\n#   kind: soap\n#   # Largest degree"
    assert alternative in template(One)


def test_kinds_and_required_keys_come_first():
    class Late(Settings):
        size: int = Field(3, description="Size")
        needed: str = Field(description="Needed")
        kind: Literal["late"] = Field("late", description="Kind")

    keys = list(parse_document(template(Late), "t").values)
    assert keys == ["kind", "needed", "size"]


def test_required_values_show_examples_and_nested_keys():
    class Inner(Settings):
        needed: str = Field(description="Needed")
        size: int = Field(3, description="Size")

    class Outer(Settings):
        command: str = Field(description="Command", examples=["pw.x"])
        inner: Inner = Field(description="Inner")
        items: list[Inner] = Field(description="Items", min_length=1)
        ace: Ace = Field(Ace(cutoff=7.0), description="Basis with a cutoff of its own")

    assert parse_document(template(Outer), "t").values == {
        "command": "pw.x",
        "inner": {"needed": None, "size": 3},
        "items": [{"needed": None, "size": 3}],
        "ace": {"kind": "ace", "cutoff": 7.0, "degrees": [12, 10]},
    }


def test_schema_line_and_heading():
    lines = template(Example, "Settings of a test", schema="in.schema.json").splitlines()
    assert lines[:2] == ["# yaml-language-server: $schema=in.schema.json", "# Settings of a test"]


def test_schema_describes_every_key():
    schema = json_schema(Example, "atomsmith example")
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["title"] == "atomsmith example"
    assert schema["required"] == ["train"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["basis"]["discriminator"]["propertyName"] == "kind"
    for name, info in Example.model_fields.items():
        assert schema["properties"][name]["description"] == info.description


@pytest.mark.parametrize("value", ["no", "1e-3", "010", "null", "a: b", "# x", "é", "", " x", "1:30", "-"])
def test_any_text_survives(tmp_path, value):
    class Text(Settings):
        text: str = Field(value, description="Text")

    (tmp_path / "in.yaml").write_text(template(Text))
    assert load_settings(tmp_path / "in.yaml", Text).text == value


def test_a_block_names_its_kind_although_the_kind_has_no_default(tmp_path):
    class Quadratic(Settings):
        kind: Literal["quadratic"] = Field(description="Name of the regressor")
        scale: float = Field(2.0, description="Scale")

    class Linear(Settings):
        kind: Literal["linear"] = Field("linear", description="Name of the regressor")

    class One(Settings):
        regressor: Linear | Quadratic = Field(Linear(), discriminator="kind", description="Regressor")

    text = template(One)
    assert "# regressor:\n#   kind: quadratic\n" in text
    other = text.replace("\nregressor:", "\n#regressor:").replace("\n  kind: linear", "\n#")
    (tmp_path / "in.yaml").write_text(
        re.sub(r"^# ((regressor:$|  kind).*)", r"\1", other, flags=re.MULTILINE)
    )
    assert load_settings(tmp_path / "in.yaml", One).regressor == Quadratic(kind="quadratic")
