"""The command line as users meet it: help pages, exit codes, templates, start-up."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from atomsmith.cli.application import VERBS, app
from atomsmith.cli.registry import SETTINGS, settings_model
from atomsmith.errors import InputError
from atomsmith.settings_file import parse_document

runner = CliRunner(env={"COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"})


def _atomsmith(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "atomsmith", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


@pytest.mark.parametrize("verb", [verb.__name__.rstrip("_") for verb in VERBS])
def test_every_verb_has_help_with_an_example(verb):
    result = runner.invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert f"Example: atomsmith {verb} " in result.stdout or f"Example: atomsmith {verb}\n" in result.stdout


def test_help_names_the_extra_that_a_verb_needs() -> None:
    assert "pip install 'atomsmith[tune]'" in runner.invoke(app, ["tune", "--help"]).stdout


def test_a_template_shows_the_reference_that_is_asked_for() -> None:
    plain = runner.invoke(app, ["template", "learn"]).stdout
    assert "kind: espresso" in plain
    assert "pseudopotentials" not in plain
    shown = runner.invoke(app, ["template", "learn", "--reference", "espresso"]).stdout
    assert parse_document(shown, "t").values["reference"]["kind"] == "espresso"
    assert "pseudopotentials" in shown
    wrong = runner.invoke(app, ["template", "learn", "--reference", "esspresso"])
    assert "its kinds are tblite, lammps" in wrong.stderr
    assert "leave it out" in runner.invoke(app, ["template", "fit", "--reference", "espresso"]).stderr


def test_the_first_page_lists_the_verbs():
    page = runner.invoke(app, ["--help"]).stdout
    assert all(verb.__name__.rstrip("_") in page for verb in VERBS)


def test_help_does_not_wait_for_numerical_libraries():
    code = (
        "import sys\n"
        "from atomsmith.cli import main\n"
        "sys.argv = ['atomsmith', '--help']\n"
        "try:\n    main()\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'numpy', 'scipy', 'matplotlib', 'ase', 'pydantic', 'yaml', 'atomsmith._engine'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stderr.strip() == "[]"


def test_version_names_package_engine_and_python():
    line = _atomsmith("--version").stdout
    assert line.startswith("atomsmith ")
    assert ", engine " in line
    assert "missing" not in line
    assert line.rstrip().endswith("Python " + sys.version.split()[0])


def test_usage_errors_exit_with_2_and_no_traceback():
    done = _atomsmith("fit")
    assert done.returncode == 2
    assert "Missing argument" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_settings_are_one_sentence_and_exit_2(tmp_path):
    (tmp_path / "fit.yaml").write_text("data: {train: a.xyz}\nsolvr: {kind: ridge}\n")
    done = _atomsmith("fit", "fit.yaml", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr == "error: fit.yaml:2: unknown key 'solvr'; perhaps 'solver' is meant.\n"
    assert done.stdout == ""


def test_missing_files_are_one_sentence(tmp_path):
    done = _atomsmith("evaluate", "none.json", "none.xyz", cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "none.json: no such file" in done.stderr
    done = _atomsmith("report", tmp_path, cwd=tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "holds no run: give the folder of" in done.stderr
    (tmp_path / "report.html").write_text("<html>")
    done = _atomsmith("report", "report.html", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "error: report.html: is no report.json; give the folder it stands in.\n",
    )


def test_a_misspelt_label_name_is_found(tmp_path):
    done = _atomsmith("evaluate", "none.json", "none.xyz", "--label", "energi=E", cwd=tmp_path)
    assert done.stderr == "error: --label energi=E: unknown key 'energi'; perhaps 'energy' is meant.\n"


@pytest.mark.parametrize("verb", SETTINGS)
def test_templates_and_schemas_describe_the_same_keys(verb):
    page = runner.invoke(app, ["template", verb])
    schema = json.loads(runner.invoke(app, ["schema", verb]).stdout)
    assert page.exit_code == 0
    written = parse_document(page.stdout, "template").values
    assert set(written) <= set(schema["properties"]) == set(settings_model(verb).model_fields)
    assert set(schema["required"]) <= set(written)


def test_a_template_file_stands_beside_its_schema_and_is_not_overwritten(tmp_path):
    target = tmp_path / "new" / "fit.yaml"
    assert runner.invoke(app, ["template", "fit", "-o", str(target)]).exit_code == 0
    text = target.read_text()
    assert text.startswith(
        "# yaml-language-server: $schema=fit.schema.json\n# Settings of: atomsmith fit fit.yaml"
    )
    assert json.loads((tmp_path / "new" / "fit.schema.json").read_text())["title"] == "atomsmith fit"
    again = runner.invoke(app, ["template", "fit", "-o", str(target)])
    assert again.exit_code == 2
    assert "exists already" in again.stderr
    assert runner.invoke(app, ["template", "fit", "-o", str(target), "--force"]).exit_code == 0


def test_verbs_without_settings_are_named():
    with pytest.raises(InputError, match="'evaluate' reads no settings file; the verbs that do are"):
        settings_model("evaluate")
    assert runner.invoke(app, ["template", "evaluate"]).exit_code == 2


def test_a_folder_belongs_to_one_verb(tmp_path):
    from atomsmith.cli.run_folders import MARKS, require_own_folder, verb_of
    from atomsmith.data.database import STORE_NAME
    from atomsmith.tuning.search import STORAGE_NAME

    assert (MARKS["learn"], MARKS["tune"]) == (STORE_NAME, STORAGE_NAME)
    for verb, mark in MARKS.items():
        folder = tmp_path / verb
        require_own_folder(folder, verb)
        (folder / mark).mkdir(parents=True)
        assert verb_of(folder) == verb
        require_own_folder(folder, verb)
        for other in MARKS.keys() - {verb}:
            with pytest.raises(InputError, match=f"holds a run of `atomsmith {verb}`; give another folder"):
                require_own_folder(folder, other)
    assert verb_of(tmp_path) is None
