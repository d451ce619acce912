from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.singlepoint import SinglePointCalculator

from atomsmith.data import Dataset, LabelNames
from atomsmith.errors import InputError

CRYSTAL = """<structure{name}>
<crystal><varray name="basis"><v>4 0 0</v><v>0 4 0</v><v>0 0 4</v></varray></crystal>
<varray name="positions"><v>0 0 0</v><v>0.5 0.5 0.5</v></varray></structure>"""
ENERGY = """<energy><i name="e_fr_energy">-10.5</i><i name="e_wo_entrp">-10.1</i>
<i name="e_0_energy">-10.3</i></energy>"""
VASPRUN = f"""<modeling><generator><i name="version" type="string">6.3</i></generator>
<incar/><kpoints/><parameters><separator name="electronic">
<separator name="electronic smearing"/></separator></parameters>
<atominfo><array name="atoms"><set>
<rc><c>Si</c><c>1</c></rc><rc><c>Si</c><c>1</c></rc></set></array></atominfo>
{CRYSTAL.format(name=' name="initialpos"')}
<calculation><scstep>{ENERGY}</scstep>{CRYSTAL.format(name="")}
<varray name="forces"><v>0.1 0 0</v><v>-0.1 0 0</v></varray>
<varray name="stress"><v>10 0 0</v><v>0 20 0</v><v>0 0 30</v></varray>
{ENERGY}</calculation></modeling>"""


def copper(strain: float = 0.0, rattle: float = 0.0) -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.set_cell(atoms.cell.array * (1.0 + strain), scale_atoms=True)
    atoms.rattle(rattle, seed=1)
    atoms.calc = EMT()
    atoms.get_potential_energy()
    atoms.get_stress()
    return atoms


def test_what_ase_reads_is_read(tmp_path: Path) -> None:
    """An ASE trajectory stands for every format that goes through `ase.io.read`."""
    images = [copper(strain, 0.05) for strain in (-0.02, 0.0, 0.02)]
    ase.io.write(tmp_path / "run.traj", images)
    for configuration, atoms in zip(Dataset.read(tmp_path / "run.traj"), images, strict=True):
        assert configuration.energy == atoms.get_potential_energy()
        assert np.array_equal(configuration.forces, atoms.get_forces())
        assert np.allclose(configuration.stress, atoms.get_stress(), atol=1e-15)


def test_energy_of_vasp_is_that_of_the_forces(tmp_path: Path) -> None:
    """A vasprun.xml in small: e_fr_energy (with smearing entropy) is what the forces derive from."""
    (tmp_path / "vasprun.xml").write_text(VASPRUN)
    (c,) = Dataset.read(tmp_path / "vasprun.xml")
    assert c.energy == -10.5
    assert c.forces == pytest.approx(np.array([[0.1, 0, 0], [-0.1, 0, 0]]))
    assert c.stress == pytest.approx(-np.array([10, 20, 30, 0, 0, 0]) / 1602.1766, rel=1e-6)
    (named,) = Dataset.read(tmp_path / "vasprun.xml", LabelNames(energy="energy"))
    assert named.energy == -10.3


def test_unreadable_files_say_what_is_expected(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no structure here")
    with pytest.raises(InputError, match=r"notes\.txt cannot be read .* expected extended XYZ"):
        Dataset.read(tmp_path / "notes.txt")
    with pytest.raises(InputError, match=r"is a folder that cannot be read .* expected extended XYZ"):
        Dataset.read(tmp_path)


def test_atoms_in_memory() -> None:
    atoms = copper(0.01, 0.02)
    atoms.info["config_type"] = "bulk"
    atoms.info["object"] = object()
    (c,) = Dataset.from_atoms([atoms])
    assert c.config_type == "bulk"
    assert c.labels == ("energy", "forces", "stress")
    assert c.info == {}


def test_constraints_do_not_touch_the_forces() -> None:
    from ase.constraints import FixAtoms

    atoms = copper(0.0, 0.1)
    forces = atoms.calc.results["forces"].copy()
    atoms.calc = SinglePointCalculator(atoms, energy=0.0, forces=forces)
    atoms.set_constraint(FixAtoms([0, 1, 2, 3]))
    assert np.array_equal(Dataset.from_atoms([atoms])[0].forces, forces)


def test_real_sets_are_read_fast(shared_data: Path) -> None:
    import time

    start = time.process_time()
    dataset = Dataset.read(shared_data / "molecules" / "3BPA_train_300K.xyz.gz")
    assert len(dataset) == 500
    assert all(c.labels == ("energy", "forces") for c in dataset)
    assert time.process_time() - start < 2.0
