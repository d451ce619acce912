from pathlib import Path

import numpy as np
import pytest

from atomsmith.data import Dataset
from atomsmith.data.shear_order import decide_shear_order
from atomsmith.data.strain_pairs import find_strain_pairs
from atomsmith.data.stress_check import check_stress, require_consistent_stress
from atomsmith.data.units import GPA_PER_EV_A3, KBAR_PER_EV_A3
from atomsmith.errors import InputError

from .lennard_jones import fcc, strained_set

ELEMENTS = ("Li", "Mo", "Si", "Ge", "Cu", "Ni")
MISTAKES = [
    (-1.0, "eV/A^3", "compression"),
    (GPA_PER_EV_A3, "GPa", "tension"),
    (-GPA_PER_EV_A3, "GPa", "compression"),
    (KBAR_PER_EV_A3, "kbar", "tension"),
    (-KBAR_PER_EV_A3, "kbar", "compression"),
]


def scaled(dataset, factor: float):
    return [c.replace(stress=c.stress * factor) for c in dataset]


def test_work_of_the_stress_is_the_energy_difference() -> None:
    """Third order in the strain: halving the strains divides the error by about eight."""
    errors = []
    for size in (0.02, 0.01):
        rng = np.random.default_rng(3)
        strain = rng.normal(size=(3, 3))
        pairs = find_strain_pairs([fcc(size * strain), fcc(-size * strain)])
        assert len(pairs) == 1
        errors.append(abs(pairs.work[0] - pairs.energy[0]))
    assert errors[1] < errors[0] / 5.0


def test_displacements_are_paid_for_by_the_forces() -> None:
    """Without the work of the forces the error would be of second order, and fall by four only."""
    errors, raw = [], []
    for size in (0.01, 0.005):
        strain = size * np.random.default_rng(0).normal(size=(3, 3))
        a, b = fcc(strain, rattle=2.0 * size, seed=1), fcc(-strain, rattle=2.0 * size, seed=2)
        pairs = find_strain_pairs([a, b])
        errors.append(abs(pairs.work[0] - pairs.energy[0]))
        raw.append(abs(pairs.work[0] - (b.energy - a.energy)))
    assert errors[1] < errors[0] / 5.0
    assert raw[1] > raw[0] / 5.0
    assert errors[1] < 0.5 * raw[1]


def test_cells_in_another_setting_are_no_pairs() -> None:
    """The same crystal with its lattice vectors reversed or exchanged: no strain to learn from, no crash."""
    crystal = fcc()
    reversed_, exchanged = crystal.replace(cell=-crystal.cell), crystal.replace(cell=crystal.cell[[1, 0, 2]])
    assert len(find_strain_pairs([crystal, reversed_, exchanged])) == 0
    assert len(find_strain_pairs([crystal, reversed_, fcc(0.01 * np.eye(3))])) == 1


def test_a_right_stress_passes() -> None:
    check = check_stress(strained_set())
    assert check.verdict == "consistent"
    assert check.slope == pytest.approx(1.0, abs=0.05)
    assert check.mend == ""


@pytest.mark.parametrize(("factor", "unit", "sign"), MISTAKES)
def test_mistakes_are_named(factor: float, unit: str, sign: str) -> None:
    check = check_stress(scaled(strained_set(), factor))
    assert (check.verdict, check.unit, check.sign) == ("contradiction", unit, sign)
    with pytest.raises(InputError, match="contradicts the energies") as caught:
        require_consistent_stress(scaled(strained_set(), factor), "a.xyz")
    assert ("stress_sign: compression" in str(caught.value)) == (sign == "compression")
    assert (f"stress_unit: {unit}" in str(caught.value)) == (unit != "eV/A^3")


def test_the_mend_mends(tmp_path: Path) -> None:
    from atomsmith.data import LabelNames

    Dataset(scaled(strained_set(), -KBAR_PER_EV_A3)).write(tmp_path / "a.xyz")
    with pytest.raises(InputError, match="stress_sign: compression, stress_unit: kbar"):
        Dataset.read(tmp_path / "a.xyz")
    mended = Dataset.read(tmp_path / "a.xyz", LabelNames(stress_sign="compression", stress_unit="kbar"))
    assert check_stress(mended).verdict == "consistent"
    assert len(Dataset.read(tmp_path / "a.xyz", check_stress=False)) == len(mended)


def test_a_pulay_stress_is_no_mistake() -> None:
    offset = np.array([1, 1, 1, 0, 0, 0]) * 3.0 / GPA_PER_EV_A3
    shifted = [c.replace(stress=c.stress + offset) for c in strained_set()]
    assert check_stress(shifted).verdict == "consistent"
    one_sided = [c for c in shifted if c.volume < 0.999 * fcc().volume or c.volume == fcc().volume]
    assert check_stress(one_sided).verdict != "contradiction"


def test_an_unknown_factor_is_refused_without_a_guess() -> None:
    check = check_stress(scaled(strained_set(), 12.0))
    assert check.verdict == "contradiction"
    assert check.unit is None
    assert "no known unit" in check.mend


def test_no_trend_is_undecided() -> None:
    thermal = [fcc(rattle=0.1, seed=seed) for seed in range(1, 12)]
    assert check_stress(scaled(thermal, -1.0)).verdict == "undecided"
    assert check_stress([]).verdict == "undecided"
    assert check_stress([c.replace(stress=None) for c in strained_set()]).verdict == "undecided"


def test_npt_snapshots_raise_no_false_alarm() -> None:
    rng = np.random.default_rng(0)
    snapshots = [fcc(0.02 * rng.normal(size=(3, 3)), rattle=0.12, seed=seed) for seed in range(1, 30)]
    assert check_stress(snapshots).verdict != "contradiction"


@pytest.mark.parametrize("written", ["yz xz xy", "xy yz xz", "xy xz yz"])
@pytest.mark.parametrize("kind", ["strained", "thermal"])
def test_order_of_shear_is_found(written: str, kind: str) -> None:
    source = strained_set() if kind == "strained" else [fcc(rattle=0.15, seed=seed) for seed in range(1, 8)]
    order = [["yz", "xz", "xy"].index(name) for name in written.split()]
    given = [c.replace(stress=np.concatenate([c.stress[:3], c.stress[3:][order]])) for c in source]
    decision = decide_shear_order(given)
    assert decision.order == written
    assert decision.evidence == ("strain" if kind == "strained" else "forces")


def test_order_of_shear_is_undecided_without_shear() -> None:
    assert decide_shear_order([fcc(), fcc(0.01 * np.eye(3))]).order is None


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize("element", ELEMENTS)
def test_real_sets(shared_data: Path, element: str, part: str) -> None:
    """DFT sets pass as they are; every mistake is caught where the strained cells are enough to tell."""
    dataset = Dataset.read(shared_data / "mlearn" / f"{element}_{part}.xyz.gz")
    verdict = check_stress(dataset).verdict
    if (element, part) == ("Li", "test"):
        assert verdict == "undecided"
        return
    assert verdict == "consistent"
    for factor, unit, sign in MISTAKES:
        check = check_stress(scaled(dataset, factor))
        assert (check.verdict, check.unit, check.sign) == ("contradiction", unit, sign)


@pytest.mark.parametrize("element", ELEMENTS)
def test_thermal_sets_raise_no_false_alarm(shared_data: Path, element: str) -> None:
    dataset = Dataset.read(shared_data / "mlearn" / f"{element}_train.xyz.gz")
    thermal = [c for c in dataset if c.config_type in ("AIMD-NVT", "Vacancy")]
    assert check_stress(thermal).verdict in ("undecided", "consistent")


@pytest.mark.parametrize("element", ELEMENTS)
def test_order_of_shear_in_real_sets(shared_data: Path, element: str) -> None:
    dataset = Dataset.read(shared_data / "mlearn" / f"{element}_train.xyz.gz")
    for group in ("AIMD-NVT", "Vacancy", "Elastic"):
        members = dataset.of_type(group)
        assert decide_shear_order(members).order == "yz xz xy"
        vasp = [c.replace(stress=c.stress[[0, 1, 2, 5, 3, 4]]) for c in members]
        assert decide_shear_order(vasp).order == "xy yz xz"
