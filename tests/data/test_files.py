"""Files are replaced as a whole: through links, and not where they are no files."""

import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from atomsmith.data.files import new_folder, replacing
from atomsmith.errors import InputError


def test_a_link_stays_and_leads_to_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "p.json"
    link.symlink_to("elsewhere/p.json")  # dangling
    for text in ("first", "second"):
        with replacing(link) as stream:
            stream.write(text)
        assert link.is_symlink()
        assert (tmp_path / "elsewhere" / "p.json").read_text() == text
    assert [file.name for file in (tmp_path / "elsewhere").iterdir()] == ["p.json"]


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="/dev/shm is not there")
def test_files_in_shared_memory_are_replaced() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for text in ("first", "second"):
            with replacing(Path(folder) / "p.json") as stream:
                stream.write(text)
        assert (Path(folder) / "p.json").read_text() == "second"


def test_what_the_shell_redirects_is_written_to(tmp_path: Path) -> None:
    code = "from atomsmith.data.files import replacing\n"
    code += "with replacing('/dev/stdout') as f: f.write('numbers')"
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True, timeout=60)
    assert (tmp_path / "out").read_text() == "numbers"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with replacing(pipe) as stream:
        stream.write("numbers")
    reader.join(timeout=60)
    assert read == ["numbers"]
    assert pipe.is_fifo()


def test_a_folder_that_was_made_in_vain_goes_again(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(InputError), new_folder(tmp_path / "there" / "a" / "b"):
        raise InputError("refused")
    assert not (tmp_path / "there" / "a").exists()
    (tmp_path / "there" / "a").mkdir()
    with pytest.raises(InputError), new_folder(tmp_path / "there" / "a"):
        raise InputError("refused")
    assert (tmp_path / "there" / "a").exists()
