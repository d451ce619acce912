"""A Gaussian approximation potential in QUIP and SOAP in featomic against ours, on the same atoms in one run.

    python -m benchmarks.speed.gap [--json gap.json]

The potentials are made up: SOAP and soap_turbo with 2,000 sparse points that are descriptors of perturbed
crystals, and triplets (angle_3b) with 200 points, weights at random. Both programs read the same gap.xml.
Energy, forces and virial of bcc molybdenum, for soap_turbo of silicon and for triplets of diamond (28
neighbours within 3 angstrom) on one core in float64; QUIP finds its neighbours in every call, ours keeps
them. SOAP is values with gradients of all pairs, without a kernel. Engines that are not installed
(quippy-ase, featomic) are left out.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk

from atomsmith import Potential
from atomsmith.descriptors import SoapSettings, build_soap
from atomsmith.evaluator import PlanEvaluator
from atomsmith.systems import FloatArray
from benchmarks.speed.crystals import rattled, systems_of
from benchmarks.timing import interleaved, machine, parser, summary, write

POINTS, ZETA = 2000, 4
GAP = SoapSettings(kind="soap", cutoff=5.2, n_max=8, l_max=8, radial_tolerance=0.0)
ORBITALS = SoapSettings(kind="soap", cutoff=5.0, n_max=8, l_max=6, basis="gto", normalised=False)
CELLS = 6
TRIPLET_POINTS = 200


def molybdenum(cells: int, seed: int, spread: float = 0.05) -> Atoms:
    """Bcc crystal of 2 cells^3 atoms, each moved at random by about 0.05 angstrom or more."""
    atoms = rattled(bulk("Mo", cubic=True) * (cells, cells, cells), seed)
    atoms.positions += np.random.default_rng(seed).normal(scale=spread, size=atoms.positions.shape)
    return atoms


def descriptors(settings: SoapSettings, atoms: Atoms) -> FloatArray:
    """Features of every atom."""
    part = build_soap(settings, [42]).part
    return PlanEvaluator({"elements": [42], "parts": [part]}).features(systems_of(atoms))


def diamond(cells: int, seed: int) -> Atoms:
    """Diamond of 8 cells^3 atoms, each moved at random."""
    return rattled(bulk("C", cubic=True) * (cells, cells, cells), seed)


def write_soap(folder: Path) -> Path:
    """A gap.xml of a power spectrum with its sparse points."""
    points = descriptors(GAP, molybdenum(10, 1, 0.2))[:POINTS]
    descriptor = (
        f"soap n_max={GAP.n_max} l_max={GAP.l_max} atom_sigma={GAP.sigma_atom} cutoff={GAP.cutoff} "
        f"cutoff_transition_width={GAP.transition_width} n_Z=1 Z=42 n_species=1 species_Z=42"
    )
    points = np.pad(points, ((0, 0), (0, 1)))
    return write_gap(folder, 42, points, f'covariance_type="2" zeta="{ZETA}.0"', "", descriptor)


def write_turbo(folder: Path) -> Path:
    """A gap.xml of soap_turbo with its sparse points, which are spectra of perturbed silicon."""
    descriptor = (
        "soap_turbo l_max=8 alpha_max={8} atom_sigma_r={0.5} atom_sigma_t={0.5} atom_sigma_r_scaling={0.0} "
        "atom_sigma_t_scaling={0.0} rcut_hard=4.7 rcut_soft=4.2 basis=poly3gauss scaling_mode=polynomial "
        "amplitude_scaling={1.0} n_species=1 species_Z={14} central_index=1 radial_enhancement=1 "
        "central_weight={1.0}"
    )
    kernel = f'covariance_type="2" zeta="{ZETA}.0"'
    size = 8 * 9 // 2 * 9
    part = Potential.load(write_gap(folder, 14, np.ones((1, size)), kernel, "", descriptor)).plan["parts"][1]
    bare = {key: value for key, value in part.items() if key != "regressor"} | {"n_features": size}
    atoms = rattled(bulk("Si", cubic=True) * (7, 7, 7), 1)
    atoms.positions += np.random.default_rng(1).normal(scale=0.2, size=atoms.positions.shape)
    spectra = PlanEvaluator({"elements": [14], "parts": [bare]}).features(systems_of(atoms))
    return write_gap(folder, 14, spectra[:POINTS], kernel, "", descriptor)


def silicon(cells: int, seed: int) -> Atoms:
    """Diamond of silicon, each atom moved at random."""
    return rattled(bulk("Si", cubic=True) * (cells, cells, cells), seed)


def write_triplets(folder: Path) -> Path:
    """A gap.xml of triplets with its sparse points."""
    points = np.random.default_rng(5).uniform((2.4, 0.0, 1.2), (6.0, 2.0, 5.5), size=(TRIPLET_POINTS, 3))
    return write_gap(
        folder,
        6,
        points,
        'covariance_type="1"',
        "<theta> 1.0 0.8 1.1 </theta>",
        "angle_3b cutoff=3.0 Z=6 Z1=6 Z2=6",
    )


def write_gap(
    folder: Path, number: int, points: FloatArray, covariance: str, theta: str, descriptor: str
) -> Path:
    """A gap.xml as gap_fit writes it, with weights at random."""
    np.savetxt(folder / "gap.sparse", points.reshape(-1), fmt="%.18e")
    alpha = np.random.default_rng(2).normal(size=len(points))
    weights = "\n".join(
        f'<sparseX i="{k + 1}" alpha="{float(a)!r}" sparseCutoff="1.0"/>' for k, a in enumerate(alpha)
    )
    path = folder / "gap.xml"
    path.write_text(
        f"""<GAP>
<Potential label="GAP" init_args="IP GAP label=GAP"/>
<GAP_params label="GAP" gap_version="1769700636">
<GAP_data do_core="F"><e0 Z="{number}" value="0.0"/></GAP_data>
<gpSparse label="GAP" n_coordinate="1" fitted="T">
<gpCoordinates label="GAP1" dimensions="{points.shape[1]}" signal_variance="1.0" signal_mean="0.0"
 sparsified="T" n_permutations="1" {covariance} n_sparseX="{len(points)}" sparseX_filename="gap.sparse">
{theta}
<descriptor>{descriptor}</descriptor>
<permutation i="1">{" ".join(str(k + 1) for k in range(points.shape[1]))} </permutation>
{weights}
</gpCoordinates>
</gpSparse>
</GAP_params>
</GAP>
""".replace("\n ", " ")
    )
    return path


def gap(path: Path, atoms: Atoms, repeats: int) -> dict[str, Any]:
    """Microseconds per atom of energy, forces and virial."""
    potential = Potential.load(path)
    systems, evaluator = systems_of(atoms), potential.evaluator(skin=1.0)
    actions: dict[str, Callable[[], object]] = {"atomsmith": lambda: evaluator.predict(systems)}
    difference = None
    if find_spec("quippy"):
        from quippy.potential import Potential as Quip

        os.chdir(path.parent)  # where QUIP looks for sparse points
        quip = Quip("IP GAP label=GAP", param_filename=str(path))

        moved, rng = atoms.copy(), np.random.default_rng(4)

        def theirs() -> None:
            quip.calculate(moved, ["energy", "forces", "stress"], ["positions"])
            moved.positions += rng.normal(scale=1e-4, size=moved.positions.shape)  # or it knows the answer

        actions["quip"] = theirs
        theirs()
        difference = float(np.abs(quip.results["forces"] - evaluator.predict(systems).forces).max())
    return times(actions, repeats, len(atoms)) | {"largest_force_difference": difference}


def soap(repeats: int) -> dict[str, Any]:
    """Microseconds per atom of SOAP with its gradients."""
    atoms = molybdenum(CELLS, 3)
    systems = systems_of(atoms)
    part = build_soap(ORBITALS, [42]).part
    evaluator = PlanEvaluator({"elements": [42], "parts": [part]}, skin=1.0)
    actions: dict[str, Callable[[], object]] = {"atomsmith": lambda: evaluator.descriptor_rows(systems, 0)}
    if find_spec("featomic"):
        import featomic

        calculator = featomic.SoapPowerSpectrum(
            cutoff={"radius": 5.0, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
            density={"type": "Gaussian", "width": 0.5},
            basis={
                "type": "TensorProduct",
                "max_angular": ORBITALS.l_max,
                "radial": {"type": "Gto", "max_radial": ORBITALS.n_max - 1},
            },
        )
        actions["featomic"] = lambda: calculator.compute([atoms], gradients=["positions"])
    return times(actions, repeats, len(atoms))


def times(actions: dict[str, Callable[[], object]], repeats: int, n_atoms: int) -> dict[str, Any]:
    """Microseconds per atom of every engine, and how many times faster ours is."""
    seconds = interleaved(actions, repeats)
    found: dict[str, Any] = {name: summary(values, 1e6 / n_atoms) for name, values in seconds.items()}
    ours = found["atomsmith"]["median"]
    return found | {
        f"times_faster_than_{name}": found[name]["median"] / ours for name in actions if name != "atomsmith"
    }


def main() -> None:
    """Measure and print."""
    arguments = parser(__doc__.splitlines()[0] if __doc__ else "").parse_args()
    destination = None if arguments.json is None else arguments.json.resolve()
    with TemporaryDirectory() as folder:
        numbers = {
            "machine": machine(),
            "soap": soap(arguments.repeats),
            "triplets": gap(write_triplets(Path(folder)), diamond(3, 3), arguments.repeats),
            "turbo": gap(write_turbo(Path(folder)), silicon(4, 3), arguments.repeats),
            "gap": gap(write_soap(Path(folder)), molybdenum(CELLS, 3), arguments.repeats),
        }
        os.chdir("/")
    for name in ("gap", "turbo", "triplets", "soap"):
        print(name, numbers[name])
    write(destination, numbers)


if __name__ == "__main__":
    main()
