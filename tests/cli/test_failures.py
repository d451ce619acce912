"""How verbs end: one sentence, an exit code, no traceback."""

import errno
import warnings

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from atomsmith.cli.failures import reported
from atomsmith.cli.output import console, plain, write_json
from atomsmith.data.files import replacing_bytes
from atomsmith.errors import InputError, LabelError, LabelWarning


def _run(error: BaseException, **environment: str):
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    @reported(interrupted="the labels are stored; run the same command again to go on")
    def verb() -> None:
        raise error

    return CliRunner().invoke(app, [], env=environment)


@pytest.mark.parametrize(
    ("error", "text", "code"),
    [
        (InputError("fit.yaml:2: unknown\n  key 'x'"), "error: fit.yaml:2: unknown key 'x'.\n", 2),
        (LabelError("[bold] did not converge."), "error: [bold] did not converge.\n", 2),
        (
            FileNotFoundError(2, "No such file or directory", "a.xyz"),
            "error: a.xyz: No such file or directory (set ATOMSMITH_DEBUG=1 to see where).\n",
            2,
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", "p.json"),
            "error: p.json: no space is left there; make room, or choose another place.\n",
            2,
        ),
        (
            FileExistsError(17, "File exists", "run"),
            "error: run: a file stands where a folder is needed; choose another place.\n",
            2,
        ),
        (
            NotADirectoryError(20, "Not a directory", "run/figures"),
            "error: run/figures: a file stands where a folder is needed; choose another place.\n",
            2,
        ),
        (
            MemoryError("Unable to allocate 9 TiB"),
            "error: out of memory (Unable to allocate 9 TiB); take fewer functions or structures at once.\n",
            2,
        ),
        (
            KeyboardInterrupt(),
            "interrupted: the labels are stored; run the same command again to go on.\n",
            130,
        ),
    ],
)
def test_expected_failures_are_one_sentence(error, text, code):
    result = _run(error)
    assert result.stderr == text
    assert result.stdout == ""
    assert result.exit_code == code


def test_doubts_about_labels_are_one_line_each_and_no_failure():
    app = typer.Typer()

    @app.command()
    @reported()
    def verb() -> None:
        for file in ("a.xyz", "b.xyz"):
            warnings.warn(f"{file}: energies look like hartree", LabelWarning, stacklevel=1)
        typer.echo("done")

    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert result.stdout == "done\n"
    lines = [f"WARNING: {file}: energies look like hartree." for file in ("a.xyz", "b.xyz")]
    assert result.stderr.splitlines() == lines


def test_a_file_that_cannot_be_written_whole_is_named_and_left_as_it_was(tmp_path):
    def write() -> None:
        with replacing_bytes(tmp_path / "p.json") as file:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "p.json").write_text("before")
    with pytest.raises(OSError, match=r"No space left on device: '.*p\.json'"):
        write()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("p.json", "before")]


def test_debugging_shows_the_traceback():
    result = _run(InputError("bad"), ATOMSMITH_DEBUG="1")
    assert isinstance(result.exception, InputError)


def test_a_defect_of_ours_is_not_dressed_up_as_bad_input():
    result = _run(ZeroDivisionError("oops"))
    assert isinstance(result.exception, ZeroDivisionError)


def test_json_files_hold_plain_numbers(tmp_path):
    numbers = {
        "array": np.array([[1.0, np.nan]]),
        "scalar": np.float64(0.5),
        "count": np.int64(3),
        "flag": np.bool_(True),
        "infinite": float("inf"),
        "path": tmp_path / "x",
        "none": None,
        2: (1, "é"),
    }
    assert plain(numbers) == {
        "array": [[1.0, None]],
        "scalar": 0.5,
        "count": 3,
        "flag": True,
        "infinite": None,
        "path": str(tmp_path / "x"),
        "none": None,
        "2": [1, "é"],
    }
    write_json(tmp_path / "deep" / "numbers.json", {"a": np.arange(2)})
    assert (tmp_path / "deep" / "numbers.json").read_text() == '{\n  "a": [\n    0,\n    1\n  ]\n}\n'
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["numbers.json"]
    with pytest.raises(TypeError, match="cannot write object"):
        plain(object())


def test_names_that_are_not_utf8_can_be_shown():
    app = typer.Typer()

    @app.command()
    def verb() -> None:
        console().print("wrote n\udcff/p.json", markup=False)

    result = CliRunner().invoke(app, [])
    assert result.exit_code == 0
    assert result.stdout == "wrote n\\udcff/p.json\n"
