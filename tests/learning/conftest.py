from pathlib import Path

import pytest

from learning.runs import write_starts


@pytest.fixture
def starts(tmp_path: Path) -> Path:
    """A file with three structures and no labels."""
    return write_starts(tmp_path)
