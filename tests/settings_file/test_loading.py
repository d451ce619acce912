"""Settings files: what is read, and the one sentence for everything that is refused."""

# ruff: noqa: E501 (a message a line)

from pathlib import Path

import pytest
from pydantic import Field

from atomsmith.errors import InputError
from atomsmith.settings import Settings
from atomsmith.settings_file import load_settings, parse_document, settings_from_assignments
from settings_file.models import Ace, Example, Mode, Repulsion, Soap


@pytest.fixture
def load(tmp_path: Path):
    def _load(text: str, *overrides: str, model: type[Settings] = Example) -> Settings:
        (tmp_path / "in.yaml").write_text(text)
        return load_settings(tmp_path / "in.yaml", model, overrides)

    return _load


@pytest.fixture
def refusal(load, tmp_path: Path):
    """Return the message of a refused file, without its folder."""

    def _refusal(text: str, *overrides: str, model: type[Settings] = Example) -> str:
        with pytest.raises(InputError) as caught:
            load(text, *overrides, model=model)
        message = str(caught.value)
        assert "\n" not in message
        return message.replace(f"{tmp_path}/", "")

    return _refusal


def test_values_of_all_kinds(load):
    settings = load(
        "train: a.xyz\n"
        "basis: {kind: soap, l_max: 4}\n"
        "more:\n  - kind: ace\n    cutoff: 1e1\n"
        "by_element:\n  No: {inner: 1E-3}\n  on: {inner: .5}\n"
        "repulsion: null\n"
        "solver: ard\nmode: random\nweight: 2\nsteps: 1e5\nflag: no\nelement: Y\nnumber_text: '5'\n"
        "degree_by_order: {1: 8}\n"
    )
    assert settings.basis == Soap(l_max=4)
    assert settings.more == [Ace(cutoff=10.0)]
    assert settings.by_element == {"No": Repulsion(inner=1e-3), "on": Repulsion(inner=0.5)}
    assert settings.repulsion is None
    assert (settings.solver, settings.mode, settings.weight) == ("ard", Mode.RANDOM, 2.0)
    assert settings.steps == 100_000
    assert settings.flag is False
    assert settings.number_text == "5"
    assert settings.degree_by_order == {1: 8}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        ("-2.5e+3", -2500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-.inf", float("-inf")),
        ("010", 10),
        ("+7", 7),
        ("1:30", "1:30"),
        ("2026-11-21", "2026-11-21"),
        ("no", "no"),
        ("on", "on"),
        ("True", True),
        ("~", None),
        ("", None),
        ("'1e-3'", "1e-3"),
        ("0x10", "0x10"),
        ("1_000", "1_000"),
    ],
)
def test_scalars_follow_the_core_schema(text, value):
    found = parse_document(f"key: {text}", "in.yaml").values["key"]
    assert found == value
    assert type(found) is type(value)


def test_relative_paths_are_taken_from_the_folder_of_the_file(load, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    settings = load("train: data/a.xyz\ntest: /b.xyz\nstarts: [{file: ../c.xyz}, {file: ~/d.xyz}]\n")
    assert settings.train == tmp_path / "data/a.xyz"
    assert settings.test == Path("/b.xyz")
    assert settings.starts[0].file == tmp_path / "../c.xyz"
    assert settings.starts[1].file == Path.home() / "d.xyz"
    assert settings.model_fields_set == {"train", "test", "starts"}


def test_environment_variables_in_paths_are_expanded_or_missed(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HERE_ARE_DATA", "/somewhere")
    text = "train: $HERE_ARE_DATA/a.xyz\ntest: ${HERE_ARE_DATA}/b.xyz\n"
    settings = load(text)
    assert (str(settings.train), str(settings.test)) == ("/somewhere/a.xyz", "/somewhere/b.xyz")
    monkeypatch.delenv("HERE_ARE_DATA")
    with pytest.raises(InputError, match="names the environment variable HERE_ARE_DATA, which is not set"):
        load(text)


def test_anchors_aliases_and_merges(load):
    text = "train: a\nbasis: &b {kind: ace, cutoff: 4.0}\nmore:\n  - *b\n  - {<<: *b, cutoff: 3.0}\n"
    assert load(text).more == [Ace(cutoff=4.0), Ace(cutoff=3.0)]


def test_overrides(load):
    settings = load(
        "train: a\nmore: [{kind: ace}]\ndegree_by_order: {1: 20}\n",
        "solver=ard",
        "more[0].cutoff=1e-1",
        "repulsion.inner=0.25",
        "degree_by_order.1=7",
        "test=b.xyz",
        "basis={kind: soap}",
    )
    assert settings.solver == "ard"
    assert settings.more == [Ace(cutoff=0.1)]
    assert settings.repulsion == Repulsion(inner=0.25)
    assert settings.degree_by_order == {1: 7}
    assert settings.test is not None
    assert settings.test.name == "b.xyz"
    assert settings.basis == Soap()


REFUSALS = [
    ("train: a\nsolvr: ard\n", "in.yaml:2: unknown key 'solvr'; perhaps 'solver' is meant."),
    ("train: a\npressure: 1\n", "in.yaml:2: unknown key 'pressure'; perhaps 'pressure_gpa' is meant."),
    ("train: a\n\nbasis:\n  kind: soap\n  lmax: 3", "in.yaml:5: unknown key 'basis.lmax'; perhaps 'l_max' is meant."),
    # the nearest neighbour is looked for in the union's chosen member only: soap has no cutoff
    ("train: a\nmore:\n  - kind: ace\n  - kind: ace\n    cutof: 3", "in.yaml:5: unknown key 'more[1].cutof'; perhaps 'cutoff' is meant."),
    ("train: a\nby_element:\n  Si: {inne: 3}", "in.yaml:3: unknown key 'by_element.Si.inne'; perhaps 'inner' is meant."),
    ("train: a\nrepulsion:\n  innner: 3", "in.yaml:3: unknown key 'repulsion.innner'; perhaps 'inner' is meant."),
    ("train: a\ncutoff: 3", "in.yaml:2: unknown key 'cutoff'; the keys allowed here are 'train', 'test', 'starts', 'basis', 'parts', 'more', 'by_element', 'repulsion', 'outer', 'solver', 'mode', 'weight', 'pressure_gpa', 'steps', 'degree_by_order', 'flag', 'element', 'number_text', 'files', 'grid', 'masses'; 'cutoff' belongs under 'basis'."),
    ("train: a\nrepulsion: {train: b}", "in.yaml:2: unknown key 'repulsion.train'; it belongs at the top level of the file."),
    ("train: a\nrepulsion: {qqq: b}", "in.yaml:2: unknown key 'repulsion.qqq'; the keys allowed here are 'inner'."),
    ("trian: a", "in.yaml:1: unknown key 'trian'; perhaps 'train' is meant (1 other problem after this one)."),
    ("solver: ard", "in.yaml: it lacks the required key 'train' (Training set); add it."),
    ("", "in.yaml: it lacks the required key 'train' (Training set); add it."),
    ("train: a\nstarts:\n  - temperature_k: 3", "in.yaml:3: 'starts[0]' lacks its required key 'file' (Structure file); add it."),
    ("train: a\nsolver: rigde", "in.yaml:2: 'solver' is 'rigde', but should be one of 'ridge', 'evidence', 'ard'; perhaps 'ridge' is meant (Solver)."),
    ("train: a\nmode: hall", "in.yaml:2: 'mode' is 'hall', but should be one of 'hal', 'random'; perhaps 'hal' is meant (Selection mode)."),
    ("train: a\nbasis: {kind: aces}", "in.yaml:2: 'basis.kind' is 'aces', but should be one of 'ace', 'soap'; perhaps 'ace' is meant."),
    ("train: a\nbasis: {cutoff: 3}", "in.yaml:2: 'basis' lacks its key 'kind', which should be one of 'ace', 'soap'; add it."),
    ("train: a\nweight: [1]", "in.yaml:2: 'weight' is a list of 1 value, but should be a number or 'auto' (Weight of energies)."),
    ("train: a\nbasis: {kind: ace, steps: 3}", "in.yaml:2: unknown key 'basis.steps'; it belongs at the top level of the file."),
    ("train: a\nfiles: []", "in.yaml:2: 'files' is a list of 0 values, but should be a path or a list of at least 1 (Files)."),
    ("train: a\nfiles: [a, 3]", "in.yaml:2: 'files[1]' is 3, but should be a path."),
    ("train: a\ngrid: [1, 2]", "in.yaml:2: 'grid' has 2 values, but should have more; add them."),
    ("train: a\nmasses: {Qq: 1}", "in.yaml:2: 'masses.Qq': 'Qq' is not the symbol of an element."),
    ("train: a\nsteps: 2.5", "in.yaml:2: 'steps' is 2.5, but should be an integer (Steps)."),
    ("train: a\nsteps: many", "in.yaml:2: 'steps' is 'many', but should be an integer (Steps)."),
    ("train: a\nsteps: true", "in.yaml:2: 'steps' is true, but should be a number."),
    ("train: a\nmore: [{kind: ace, cutoff: true}]", "in.yaml:2: 'more[0].cutoff' is true, but should be a number."),
    ("train: a\nbasis: {kind: ace, cutoff: -1e-3}", "in.yaml:2: 'basis.cutoff' is -0.001, but should be above 0 (Cutoff radius in angstrom)."),
    ("train: a\nmore: {kind: ace}", "in.yaml:2: 'more' is a block of keys, but should be a list, such as [a, b] (Further parts)."),
    ("train: a\nrepulsion: 3", "in.yaml:2: 'repulsion' is 3, but should be a block of keys (Short-range repulsion)."),
    ("train:\nsolver: ard", "in.yaml:1: 'train' is empty, but should be a path (Training set)."),
    ("train: a\nelement: 12", "in.yaml:2: 'element' is 12, but should be text (put it in quotes) (An element whose symbol YAML 1.1 takes for false)."),
    ("train: a\nelement: Xx", "in.yaml:2: 'element': 'Xx' is no element; give a symbol such as Si."),
    ("train: a\nsteps: 13", "in.yaml: steps and pressure_gpa contradict each other."),
    ("train: a\ntrain: b", "in.yaml:2: the key 'train' stands a second time, first on line 1; keep one of them."),
    ("- a\n- b", "in.yaml: the top level is a list of 2 values, but should be a block of keys, one 'key: value' a line."),
    ("train: !!python/name:os.system a", "in.yaml:1: the tag '!!python/name:os.system' is not allowed, as settings are plain data; remove the tag."),
    ("train: !!python/object:os.x {a: 1}", "in.yaml:1: the tag '!!python/object:os.x' is not allowed, as settings are plain data; remove the tag."),
    ("train: &a [*a]", "in.yaml:1: an alias (*name) contains itself; write the values out."),
    ("? [a, b]\n: 3", "in.yaml:1: a key should be a word or an integer, such as 'cutoff: 5.0'."),
    ("true: 3", "in.yaml:1: a key should be a word or an integer, such as 'cutoff: 5.0'."),
]  # fmt: skip


def test_overrides_of_what_the_file_leaves_out_start_from_the_defaults(load):
    settings = load("train: a\n", "basis.cutoff=7", "parts[1].l_max=2")
    assert settings.basis == Ace(cutoff=7.0)
    assert settings.parts == [Ace(degrees=(3,)), Soap(l_max=2)]
    assert load("train: a\n", "basis.kind=soap", "basis.l_max=3").basis == Soap(l_max=3)
    assert load("train: a\n", "outer.inner=2").outer == Repulsion(inner=2.0)
    assert load("train: a\n", "degree_by_order.2=9").degree_by_order == {1: 20, 2: 9}


@pytest.mark.parametrize(("text", "message"), REFUSALS)
def test_refusals(refusal, text, message):
    assert refusal(text) == message


def test_bad_syntax_names_line_and_column(refusal):
    assert refusal("train: a\n\tb: 3").startswith("in.yaml:2:1: not valid YAML")
    assert refusal("train: a\n\tb: 3").endswith("indent with spaces instead of tabs.")
    assert refusal("train: [a").startswith("in.yaml:1:10: not valid YAML")
    assert refusal("a: 1\n---\nb: 2").startswith("in.yaml:2:1: not valid YAML")
    assert "not valid YAML" in refusal("a: " + "[" * 5000)


def test_alias_bombs_are_refused(refusal):
    text = "a0: &a0 [x]\n" + "".join(
        f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9)
    )
    assert "too many for a settings file" in refusal(text)


def test_overrides_are_named_in_messages(refusal):
    assert (
        refusal("train: a", "solvr=ard") == "--set solvr=ard: unknown key 'solvr'; perhaps 'solver' is meant."
    )
    assert refusal("train: a", "basis.kind=soap", "basis.l_max=x").startswith(
        "--set basis.l_max=x: 'basis.l_max' is 'x', but should be an integer"
    )
    assert "as in solver.kind=ridge" in refusal("train: a", "solver")
    assert "as in solver.kind=ridge" in refusal("train: a", "=3")
    assert "an index from 0 to 0" in refusal("train: a\nmore: [{kind: ace}]", "more.1.cutoff=3")
    assert "set 'train' itself" in refusal("train: a", "train.b=3")


def test_a_refusal_from_inside_a_model_names_the_file(refusal):
    class Strict(Settings):
        value: int = Field(1, description="A value")

        def model_post_init(self, context: object, /) -> None:
            raise InputError("the value does not fit.")

    assert refusal("value: 3", model=Strict) == "in.yaml: the value does not fit."


def test_unreadable_files(tmp_path):
    with pytest.raises(InputError, match="no such settings file; `atomsmith template`"):
        load_settings(tmp_path / "missing.yaml", Example)
    with pytest.raises(InputError, match="is a folder"):
        load_settings(tmp_path, Example)
    (tmp_path / "bytes.yaml").write_bytes(b"a: \xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        load_settings(tmp_path / "bytes.yaml", Example)


def test_settings_from_assignments_alone():
    assert settings_from_assignments(Soap, ["l_max=3"], "--soap") == Soap(l_max=3)
    with pytest.raises(InputError, match="--soap lmax=3: unknown key 'lmax'; perhaps 'l_max' is meant"):
        settings_from_assignments(Soap, ["lmax=3"], "--soap")


def test_an_empty_block_is_told_apart_from_an_empty_list(refusal):
    class Search(Settings):
        keys: dict[str, float] = Field(min_length=1, description="Keys to search")

    expected = "in.yaml:1: 'keys' is a block of keys, but should be a block of at least 1 (Keys to search)."
    assert refusal("keys: {}", model=Search) == expected
