"""Time of the properties in Table II of Zuo et al., J. Phys. Chem. A 124, 731 (2020), for one potential.

python -m benchmarks.properties.table_ii potential.json Cu
"""

import sys
import time
from pathlib import Path

from atomsmith.builders import ground_state
from atomsmith.properties.elastic import elastic
from atomsmith.properties.lattice import lattice
from atomsmith.properties.sources import opened
from atomsmith.properties.vacancy import vacancy


def main(potential: Path, element: str) -> None:
    crystal = ground_state(element)
    cpu, wall = time.process_time(), time.perf_counter()
    with opened(potential, crystal) as force_field:
        results = [compute(force_field, crystal) for compute in (lattice, elastic, vacancy)]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    rest, stiff, hole = results
    print(f"a {rest.lengths_angstrom[0]:.3f} angstrom")
    print(", ".join(f"{name} {stiff.component(name):.1f}" for name in ("C11", "C12", "C44")), end=", ")
    print(f"B {stiff.moduli.bulk_voigt_gpa:.1f} GPa")
    print(f"E_v {hole.formation_energy_ev:.3f}, E_m {hole.migration_energy_ev:.3f}", end=", ")
    print(f"E_a {hole.activation_energy_ev:.3f} eV")
    print(*(problem for result in results for problem in result.problems), sep="\n", end="")
    print(f"{cpu:.1f} s of processor time, {wall:.1f} s of wall time")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
