import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from atomsmith.data import Configuration, Dataset, LabelNames
from atomsmith.data.units import KBAR_PER_EV_A3
from atomsmith.errors import InputError
from atomsmith.exchange.mlearn import read_mlearn, shear_orders
from data.lennard_jones import fcc, strained_set


def entry(configuration: Configuration, order: str) -> dict[str, Any]:
    """An entry as the benchmark writes it: kbar, compression positive, shear in some order."""
    assert configuration.stress is not None
    assert configuration.forces is not None
    written = [["yz", "xz", "xy"].index(name) for name in order.split()]
    shear = configuration.stress[3:][written]
    stress = -KBAR_PER_EV_A3 * np.concatenate([configuration.stress[:3], shear])
    return {
        "structure": {
            "@module": "pymatgen.core.structure",
            "@class": "Structure",
            "lattice": {"matrix": configuration.cell.tolist()},
            "sites": [
                {"species": [{"element": symbol, "occu": 1}], "xyz": position.tolist(), "label": symbol}
                for symbol, position in zip(configuration.symbols, configuration.positions, strict=True)
            ],
        },
        "outputs": {
            "energy": configuration.energy,
            "forces": configuration.forces.tolist(),
            "virial_stress": stress.tolist(),
        },
        "group": configuration.config_type,
        "num_atoms": configuration.n_atoms,
        "description": "made up",
        "tag": "train",
    }


@pytest.fixture
def source() -> list[Configuration]:
    thermal = [fcc(rattle=0.15, seed=seed, config_type="AIMD-NVT") for seed in range(1, 8)]
    slab = [fcc(config_type="Surface")]
    return strained_set() + thermal + slab


def write(path: Path, entries: object) -> Path:
    path.write_text(json.dumps(entries))
    return path


@pytest.mark.parametrize(("elastic", "thermal"), [("xy yz xz", "xy xz yz"), ("xy xz yz", "xy xz yz")])
def test_each_group_gets_its_own_order(
    tmp_path: Path, source: list[Configuration], elastic: str, thermal: str
) -> None:
    """The trap of the published Si and Ge files: strained cells in another order than the dynamics."""
    entries = [entry(c, elastic if c.config_type == "Elastic" else thermal) for c in source]
    dataset = Dataset.read(write(tmp_path / "training.json", entries))
    assert len(dataset) == len(source)
    for read, original in zip(dataset, source, strict=True):
        assert read.energy == original.energy
        assert np.array_equal(read.forces, original.forces)
        assert read.stress == pytest.approx(original.stress, rel=1e-12)
        assert read.config_type == original.config_type
        assert read.info == {"description": "made up", "tag": "train"}
        assert read.pbc.all()


def test_evidence_is_told(source: list[Configuration]) -> None:
    orders = shear_orders(source)
    assert orders["Elastic"].evidence == "strain"
    assert orders["AIMD-NVT"].evidence == "forces"
    assert (orders["Surface"].order, orders["Surface"].evidence) == ("yz xz xy", "fellow groups")
    assert shear_orders([fcc()])["Elastic"].evidence == "default"


def test_settings_override(tmp_path: Path, source: list[Configuration]) -> None:
    path = write(tmp_path / "a.json", [entry(c, "xy yz xz") for c in source])
    wrong = read_mlearn(path, LabelNames(shear_order="yz xz xy"))
    shear = source[-2].stress[3:]
    assert wrong[-2].stress[3:] == pytest.approx(shear[[2, 0, 1]])
    flipped = read_mlearn(path, LabelNames(stress_sign="tension", shear_order="xy yz xz"))
    assert flipped[-2].stress == pytest.approx(-source[-2].stress)
    with pytest.raises(InputError, match="stress_sign: compression"):
        Dataset.read(path, LabelNames(stress_sign="tension"))
    assert read_mlearn(path, LabelNames(ignore=("stress",)))[0].labels == ("energy", "forces")


def test_keys_of_an_entry_may_come_in_any_order(tmp_path: Path, source: list[Configuration]) -> None:
    entries = [entry(c, "xy yz xz") for c in source]
    text = json.dumps([dict(sorted(one.items())) for one in entries], indent=32)
    assert text.index('"structure"') > 4096
    (tmp_path / "data.json").write_text(text)
    plain = Dataset.read(write(tmp_path / "plain.json", entries))
    assert Dataset.read(tmp_path / "data.json").fingerprint() == plain.fingerprint()


def test_malformed_files(tmp_path: Path, source: list[Configuration]) -> None:
    good = entry(source[0], "xy yz xz")
    cases: list[tuple[object, str]] = [
        ([good, {"structure": {}, "outputs": {}}], "entry 1 is not an mlearn entry: KeyError"),
        (
            [good | {"outputs": good["outputs"] | {"virial_stress": [1, 2]}}],
            "virial_stress must be 6 numbers",
        ),
        (
            [good | {"outputs": good["outputs"] | {"forces": [[0, 0, 0]]}}],
            r"entry 0: force has shape \(1, 3\)",
        ),
    ]
    for content, message in cases:
        with pytest.raises(InputError, match=message):
            read_mlearn(write(tmp_path / "a.json", content))
    with pytest.raises(InputError, match="no 'enrgy' in outputs; names there: energy, forces, virial_stress"):
        read_mlearn(write(tmp_path / "a.json", [good]), LabelNames(energy="enrgy"))
    (tmp_path / "a.json").write_text('[{"structure": ')
    with pytest.raises(InputError, match="not valid JSON"):
        Dataset.read(tmp_path / "a.json")


@pytest.mark.skipif("ATOMSMITH_DATA" not in os.environ, reason="ATOMSMITH_DATA is not set: no DFT sets here")
@pytest.mark.parametrize("element", ["Li", "Mo", "Si", "Ge"])
def test_real_sets_come_back(tmp_path: Path, element: str) -> None:
    """The DFT sets, written in the two orders of the published files, are read with ASE's."""
    path = Path(os.environ["ATOMSMITH_DATA"]) / "data" / "mlearn" / f"{element}_train.xyz.gz"
    dataset = Dataset.read(path)
    orders = {"Elastic": "xy yz xz"} if element in ("Si", "Ge") else {}
    common = "xy yz xz" if element == "Li" else "xy xz yz"
    entries = [entry(c, orders.get(c.config_type, common)) for c in dataset]
    read = Dataset.read(write(tmp_path / "training.json", entries))
    for ours, theirs in zip(read, dataset, strict=True):
        assert ours.stress == pytest.approx(theirs.stress, rel=1e-9, abs=1e-12)
