import gzip
from pathlib import Path

import ase.io
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from atomsmith.data import Configuration, Dataset
from atomsmith.data.extxyz import format_extxyz, parse_comment, read_extxyz
from atomsmith.errors import InputError

FRAME = """2
Lattice="4 0 0 0 5 0 0 0 6" Properties=species:S:1:pos:R:3:forces:R:3:tag:I:1 energy=-1.5 config_type=a \
pbc="T F T"
Si 0 0 0 0.1 0.2 0.3 1
o 1 1 1 -0.1 -0.2 -0.3 2
"""


def write(folder: Path, text: str, name: str = "a.xyz") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_frame_is_read_as_it_stands(tmp_path: Path) -> None:
    (frame,) = read_extxyz(write(tmp_path, FRAME))
    assert frame.numbers.tolist() == [14, 8]
    assert frame.cell.tolist() == [[4, 0, 0], [0, 5, 0], [0, 0, 6]]
    assert frame.pbc.tolist() == [True, False, True]
    assert frame.info == {"energy": -1.5, "config_type": "a"}
    assert frame.arrays["tag"].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("a=1 b=2.5 c=text", {"a": 1, "b": 2.5, "c": "text"}),
        ('a="1 2 3" b={4 5} c=[6, 7]', {"a": [1, 2, 3], "b": [4, 5], "c": [6, 7]}),
        ('a=T b=F c="T T F" d', {"a": True, "b": False, "c": [True, True, False], "d": True}),
        (r'a="say \"x\" = y"', {"a": 'say "x" = y'}),
        ('a="_JSON {\\"b\\": [1, null]}"', {"a": {"b": [1, None]}}),
        ("a = 1 'b'=2", {"a": 1, "b": 2}),
        ("m=[[1, 2], [3, 4]] n=5", {"m": [[1, 2], [3, 4]], "n": 5}),
        ("config_type=300 description='1 2'", {"config_type": "300", "description": "1 2"}),
    ],
)
def test_comment_values(comment: str, expected: dict[str, object]) -> None:
    assert parse_comment(comment) == expected


def test_agrees_with_ase_on_ases_own_file(tmp_path: Path, make) -> None:
    images = [make(seed, n_atoms=seed + 1, config_type=f"t{seed}").to_atoms() for seed in range(4)]
    ase.io.write(tmp_path / "a.xyz", images)
    for path in (tmp_path / "a.xyz",):
        ours, theirs = Dataset.read(path, check_stress=False), ase.io.read(path, ":")
        for configuration, atoms in zip(ours, theirs, strict=True):
            assert np.array_equal(configuration.positions, atoms.positions)
            assert np.array_equal(configuration.cell, atoms.cell.array)
            assert np.array_equal(configuration.forces, atoms.get_forces())
            assert np.allclose(configuration.stress, atoms.get_stress(), rtol=1e-12)
            assert configuration.energy == atoms.get_potential_energy()
            assert configuration.config_type == atoms.info["config_type"]


def test_ase_reads_what_we_write(tmp_path: Path, make) -> None:
    dataset = Dataset([make(seed, info={"split": "test", "list": [1, 2]}) for seed in range(3)])
    dataset.write(tmp_path / "a.xyz.gz")
    for configuration, atoms in zip(dataset, ase.io.read(tmp_path / "a.xyz.gz", ":"), strict=True):
        assert np.array_equal(configuration.positions, atoms.positions)
        assert np.array_equal(configuration.cell, atoms.cell.array)
        assert np.array_equal(configuration.forces, atoms.get_forces())
        assert np.array_equal(configuration.stress, atoms.get_stress())
        assert atoms.info["split"] == "test"


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=25, deadline=None)
@example(
    info={f"x{k}": f"a{c}b" for k, c in enumerate("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r\n")},
    config_type="0",
    seed=0,
)
@given(
    info=st.dictionaries(st.from_regex(r"[a-z][a-z_0-9]{0,6}x", fullmatch=True), values, max_size=3),
    config_type=st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1),
    seed=st.integers(0, 1000),
)
def test_round_trip_is_exact(
    tmp_path_factory: pytest.TempPathFactory, info: dict[str, object], config_type: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    original = Configuration(
        rng.integers(1, 100, 3),
        rng.normal(size=(3, 3)) * 10.0 ** rng.integers(-12, 6),
        30.0 * rng.normal(size=(3, 3)),
        rng.integers(0, 2, 3),
        energy=float(rng.normal() * 1e4),
        forces=rng.normal(size=(3, 3)) if seed % 2 else None,
        stress=rng.normal(size=6) if seed % 3 else None,
        config_type=config_type,
        weight=float(rng.uniform()),
        info=info,
    )
    path = tmp_path_factory.mktemp("xyz") / "a.xyz"
    path.write_text("".join(format_extxyz(iter([original]))), encoding="utf-8")
    (read,) = Dataset.read(path, check_stress=False)
    assert read.info == original.info
    assert read.fingerprint() == original.fingerprint()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no configuration"),
        ("x\n\n", "line 1: expected the number of atoms of the next configuration, found 'x'"),
        ("0\n\n", "line 1: expected the number of atoms"),
        (
            FRAME[:-30],
            "line 1 announces 2 atoms but the file ends after 1: it is cut short|line 4: .* columns",
        ),
        (FRAME.replace("0.3 1", "0.3"), "line 3: 7 columns, but 8 expected from Properties"),
        (FRAME.replace("1 1 1", "1 one 1"), "line 4: pos must be numbers, found '1 one 1'"),
        (FRAME.replace("Si", "Sj"), "line 3: 'Sj' is not the symbol of an element; did you mean 'S"),
        (FRAME.replace("species:S:1", "symbol:S:1"), "has neither a species nor a Z column"),
        (FRAME.replace("pos:R:3", "pos:Q:3"), "Properties entry pos:Q:3"),
        (FRAME.replace('"4 0 0 0 5 0 0 0 6"', '"4 5 6"'), "Lattice must be 9 numbers"),
        (FRAME.replace('"T F T"', '"T F"'), "pbc must be three of T or F"),
    ],
)
def test_malformed_files_name_the_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Dataset.read(write(tmp_path, text))


def test_missing_broken_and_compressed_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        Dataset.read(tmp_path / "none.xyz")
    packed = gzip.compress(FRAME.encode())
    for broken in (packed[:-12], packed[:12] + b"\xff" * 20, packed[:10]):
        (tmp_path / "bad.xyz.gz").write_bytes(broken)
        with pytest.raises(InputError, match="not a readable text file"):
            Dataset.read(tmp_path / "bad.xyz.gz")
    for name, content in (("a.xyz.gz", packed), ("packed.xyz", packed), ("plain.xyz.gz", FRAME.encode())):
        (tmp_path / name).write_bytes(content)
        assert len(Dataset.read(tmp_path / name)) == 1


def test_plain_xyz_has_no_cell(tmp_path: Path) -> None:
    path = write(tmp_path, "1\nhello\nHe 0 0 0\n")
    (helium,) = Dataset.read(path, labelled=False)
    assert not helium.pbc.any()
    assert helium.labels == ()


def test_writing_leaves_the_old_file_when_it_fails(tmp_path: Path, make, monkeypatch) -> None:
    path = tmp_path / "a.xyz"
    Dataset([make(0)]).write(path)
    before = path.read_text()

    def broken(_: object) -> object:
        yield "half"
        raise KeyboardInterrupt

    monkeypatch.setattr("atomsmith.data.dataset.format_extxyz", broken)
    with pytest.raises(KeyboardInterrupt):
        Dataset([make(1)]).write(path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.xyz"]
    with pytest.raises(InputError, match=r"the folder .* does not exist"):
        Dataset([make(1)]).write(tmp_path / "none" / "a.xyz")
    with pytest.raises(InputError, match=r"cannot write .*: File name too long"):
        Dataset([make(1)]).write(tmp_path / ("x" * 300))
