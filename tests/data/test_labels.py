from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from atomsmith.data import Dataset, LabelNames
from atomsmith.data.units import GPA_PER_EV_A3, KBAR_PER_EV_A3
from atomsmith.errors import InputError


def write(folder: Path, info: str, forces: str | None = "forces", frames: int = 1) -> Path:
    columns = "" if forces is None else f":{forces}:R:3"
    row = "Cu 0 0 0" + ("" if forces is None else " 1 2 3")
    frame = f'1\nLattice="2 0 0 0 2 0 0 0 2" Properties=species:S:1:pos:R:3{columns} {info}\n{row}\n'
    path = folder / "a.xyz"
    path.write_text(frame * frames)
    return path


@pytest.mark.parametrize(
    ("energy", "forces"),
    [
        ("energy", "forces"),
        ("Energy", "force"),
        ("dft_energy", "dft_force"),
        ("DFT_energy", "DFT_forces"),
        ("REF_energy", "REF_forces"),
        ("total_energy", "Forces"),
        ("free_energy", "forces"),
        ("energy_dft", "forces_dft"),
        ("ref-energy", "forces"),
    ],
)
def test_usual_names_are_found(tmp_path: Path, energy: str, forces: str) -> None:
    (c,) = Dataset.read(write(tmp_path, f"{energy}=-3.5 gap_energy=7", forces))
    assert c.energy == -3.5
    assert c.forces is not None
    assert c.forces.tolist() == [[1, 2, 3]]
    assert c.info == {"gap_energy": 7}


def test_given_names_win(tmp_path: Path) -> None:
    path = write(tmp_path, "energy=1 mine=2 kind=bulk", "f_mine")
    (c,) = Dataset.read(path, LabelNames(energy="mine", forces="f_mine", config_type="kind"))
    assert (c.energy, c.config_type) == (2.0, "bulk")
    assert c.forces is not None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            {"energy": "dft_enrgy"},
            "no energy named 'dft_enrgy', did you mean 'dft_energy'.*names there: dft_energy",
        ),
        ({"forces": "zzz"}, "no forces named 'zzz'; names there: dft_energy, weird, forces"),
        ({"virial": "vir"}, "no virial named 'vir'"),
        ({"config_type": "kind"}, "no config_type named 'kind'"),
    ],
)
def test_missing_names_list_those_found(tmp_path: Path, names: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Dataset.read(write(tmp_path, "dft_energy=1 weird=2"), LabelNames(**names))


def test_nothing_recognised_lists_names(tmp_path: Path) -> None:
    path = write(tmp_path, "E_of_mine=1 other=2", None)
    with pytest.raises(InputError, match=r"no energy, forces, stress or virial .* E_of_mine, other"):
        Dataset.read(path)
    assert Dataset.read(path, labelled=False)[0].labels == ()


@pytest.mark.parametrize(
    ("info", "forces", "message"),
    [
        ("enrgy=1", "forces", "'enrgy' that looks like a misspelt energy"),
        ("energy=1", "froces", "'froces' that looks like a misspelt forces"),
        ('energy=1 virail="1 0 0 0 1 0 0 0 1"', "forces", "'virail' that looks like a misspelt virial"),
    ],
)
def test_misspelt_names_in_the_file_are_refused(tmp_path: Path, info: str, forces: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Dataset.read(write(tmp_path, info, forces))


def test_a_label_that_is_text_is_refused_rather_than_forgotten(tmp_path: Path) -> None:
    path = write(tmp_path, "energy=n/a")
    with pytest.raises(InputError, match=r"a.xyz frame 0 \(line 1\): energy is 'n/a', expected numbers"):
        Dataset.read(path)
    assert Dataset.read(path, LabelNames(ignore=("energy",)))[0].labels == ("forces",)


def test_forces_and_stresses_of_the_wrong_size_are_refused_rather_than_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text("1\nProperties=species:S:1:pos:R:3:forces:R:2 energy=1 pbc=F\nH 0 0 0 1 0 0\n")
    with pytest.raises(InputError, match=r"forces holds 2 numbers, expected 3 for.*ignore: \[forces"):
        Dataset.read(path)
    assert Dataset.read(path, LabelNames(ignore=("forces",)))[0].labels == ("energy",)
    with pytest.raises(InputError, match=r"virial holds 3 numbers, expected 6 or 9.*ignore: \[stress"):
        Dataset.read(write(tmp_path, 'virial="1 2 3"'))


def test_per_atom_energies_are_not_a_misspelt_energy(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text(
        "2\nProperties=species:S:1:pos:R:3:energies:R:1:forces:R:3 pbc=F\n" + "H 0 0 0 1 0 0 0\n" * 2
    )
    assert Dataset.read(path)[0].labels == ("forces",)


def test_ambiguity_is_refused_unless_the_values_agree(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"several candidates for the energy, 'energy', 'dft_energy', that differ"
    ):
        Dataset.read(write(tmp_path, "energy=1 dft_energy=2"))
    assert Dataset.read(write(tmp_path, "energy=1 dft_energy=1"))[0].energy == 1.0
    assert (
        Dataset.read(write(tmp_path, "energy=1 dft_energy=2"), LabelNames(energy="energy"))[0].energy == 1.0
    )


def test_free_energy_belongs_to_the_forces(tmp_path: Path) -> None:
    path = write(tmp_path, "energy=1 free_energy=2")
    assert Dataset.read(path)[0].energy == 2.0
    assert Dataset.read(path, LabelNames(energy="energy"))[0].energy == 1.0


NINE = "1 6 5 6 2 4 5 4 3"
ORDERED = [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("info", "names", "expected"),
    [
        (f'stress="{NINE}"', {}, ORDERED),
        ('stress="1 2 3 4 5 6"', {}, ORDERED),
        ('stress="1 2 3 6 4 5"', {"shear_order": "xy yz xz"}, ORDERED),
        (f'stress="{NINE}"', {"stress_unit": "GPa"}, np.array(ORDERED) / GPA_PER_EV_A3),
        (
            f'stress="{NINE}"',
            {"stress_unit": "kbar", "stress_sign": "compression"},
            -np.array(ORDERED) / KBAR_PER_EV_A3,
        ),
        (f'virial="{NINE}"', {}, -np.array(ORDERED) / 8.0),
        (f'REF_virials="{NINE}"', {}, -np.array(ORDERED) / 8.0),
        ("stress=[[1, 6, 5], [6, 2, 4], [5, 4, 3]]", {}, ORDERED),
    ],
)
def test_stress_and_virial_conventions(
    tmp_path: Path, info: str, names: dict[str, str], expected: list[float]
) -> None:
    (c,) = Dataset.read(write(tmp_path, f"energy=1 {info}"), LabelNames.model_validate(names))
    assert c.stress == pytest.approx(expected)


def test_stress_and_virial_together_must_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, f'energy=1 stress="{NINE}" virial="{NINE}"')
    with pytest.raises(InputError, match=r"both a stress .* and a virial"):
        Dataset.read(path)
    assert Dataset.read(path, LabelNames(stress="stress"))[0].stress == pytest.approx(ORDERED)
    assert Dataset.read(path, LabelNames(virial="virial"))[0].stress == pytest.approx(-np.array(ORDERED) / 8)
    with pytest.raises(InputError, match="names both"):
        Dataset.read(path, LabelNames(stress="stress", virial="virial"))
    assert Dataset.read(path, LabelNames(ignore=("stress",)))[0].stress is None


def test_ignored_labels_are_left_out(tmp_path: Path) -> None:
    path = write(tmp_path, f'energy=1 stress="{NINE}"')
    assert Dataset.read(path, LabelNames(ignore=("energy", "stress")))[0].labels == ("forces",)


@pytest.mark.parametrize(
    ("info", "message"),
    [
        ('stress="1 2 3 4 5 6 7 8 9"', "stress is not symmetric"),
        (f'Lattice="0 0 0 0 0 0 0 0 0" pbc="F F F" stress="{NINE}"', "there is no cell"),
    ],
)
def test_impossible_stress_is_refused(tmp_path: Path, info: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Dataset.read(write(tmp_path, f"energy=1 {info}"))


def test_weights_are_read(tmp_path: Path) -> None:
    (c,) = Dataset.read(write(tmp_path, "energy=1 config_weight=2 energy_weight=3 config_forces_weight=4"))
    assert (c.weight, c.energy_weight, c.forces_weight, c.stress_weight) == (2.0, 3.0, 4.0, 1.0)


def test_labels_may_be_missing_in_some_frames(tmp_path: Path) -> None:
    path = write(tmp_path, "energy=1")
    path.write_text(path.read_text() + "1\nProperties=species:S:1:pos:R:3 comment=bare\nH 0 0 0\n")
    first, second = Dataset.read(path)
    assert first.labels == ("energy", "forces")
    assert second.labels == ()


def test_unknown_settings_are_refused() -> None:
    with pytest.raises(ValidationError):
        LabelNames.model_validate({"enery": "a"})
