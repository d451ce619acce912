"""Table II of Zuo et al., J. Phys. Chem. A 124, 731 (2020), computed anew with the published potentials.

python -m benchmarks.properties.published
"""

import time

from atomsmith.builders import ground_state
from atomsmith.properties.elastic import elastic
from atomsmith.properties.lattice import lattice
from atomsmith.properties.sources import opened_reference
from atomsmith.properties.vacancy import vacancy
from atomsmith.reference.lammps import LammpsSettings

PUBLISHED = {
    ("Ni", "SNAP"): (3.522, 283, 168, 129, 206, 1.47, 1.12),
    ("Ni", "qSNAP"): (3.521, 267, 155, 125, 193, 1.47, 1.05),
    ("Cu", "SNAP"): (3.634, 178, 126, 86, 143, 1.19, 0.82),
    ("Cu", "qSNAP"): (3.636, 178, 124, 82, 142, 1.15, 0.74),
}
DIGITS = (3, 1, 1, 1, 1, 3, 3)


def main() -> None:
    print("| potential | a (Å) | C11 (GPa) | C12 | C44 | B | E_v (eV) | E_m | wall time (s) |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (element, kind), published in PUBLISHED.items():
        name = f"{element}_Zuo_JPCA2020" + (".quadratic" if kind == "qSNAP" else "")
        files = f"* * {name}.snapcoeff {name}.snapparam {element}"
        settings = LammpsSettings(elements=[element], pair_style="snap", pair_coeff=[files])
        crystal = ground_state(element)
        began = time.perf_counter()
        with opened_reference(settings, crystal) as force_field:
            rest = lattice(force_field, crystal)
            stiff = elastic(force_field, crystal)
            hole = vacancy(force_field, crystal)
        for problem in (*rest.problems, *stiff.problems, *hole.problems):
            print(problem)
        found = (
            rest.lengths_angstrom[0],
            *(stiff.component(name) for name in ("C11", "C12", "C44")),
            stiff.moduli.bulk_voigt_gpa,
            hole.formation_energy_ev,
            hole.migration_energy_ev,
        )
        cells = [f"{ours:.{d}f} ({theirs})" for ours, theirs, d in zip(found, published, DIGITS, strict=True)]
        print(f"| {element} {kind} | {' | '.join(cells)} | {time.perf_counter() - began:.1f} |", flush=True)


if __name__ == "__main__":
    main()
