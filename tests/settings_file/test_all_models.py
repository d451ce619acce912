"""Every settings model of the package: fields described, a template that loads, a schema."""

import json
import pkgutil
from collections.abc import Iterator
from importlib import import_module

import pytest

import atomsmith
from atomsmith.settings import Settings
from atomsmith.settings_file import json_schema, load_settings, parse_document, template


def _subclasses(model: type[Settings]) -> Iterator[type[Settings]]:
    for child in model.__subclasses__():
        yield child
        yield from _subclasses(child)


def _models() -> list[type[Settings]]:
    for module in pkgutil.walk_packages(atomsmith.__path__, "atomsmith."):
        if not module.name.rpartition(".")[2].startswith("__"):
            import_module(module.name)
    found = {m for m in _subclasses(Settings) if m.__module__.startswith("atomsmith.")}
    return sorted(found, key=lambda m: (m.__module__, m.__name__))


MODELS = _models()


def test_the_models_were_found():
    assert len(MODELS) > 20


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_every_field_is_described(model):
    fields = model.model_fields.items()
    assert [name for name, info in fields if not info.description] == []
    assert model.__doc__


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_the_template_loads_back(model, tmp_path):
    (tmp_path / "in.yaml").write_text(template(model))
    required = {name for name, info in model.model_fields.items() if info.is_required()}
    written = parse_document((tmp_path / "in.yaml").read_text(), "in.yaml").values
    assert required <= set(written)
    if not required:
        assert load_settings(tmp_path / "in.yaml", model) == model()


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.__name__)
def test_the_schema_knows_what_the_template_writes(model):
    schema = json_schema(model)
    json.dumps(schema, allow_nan=False)
    assert set(parse_document(template(model), "t").values) <= set(schema["properties"])
