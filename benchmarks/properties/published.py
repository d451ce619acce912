"""Table II of Zuo et al., J. Phys. Chem. A 124, 731 (2020), computed anew with their potentials in LAMMPS.

    python -m benchmarks.properties.published

Published numbers stand in parentheses, with `!` where they are not ours, rounded. Vacancies jump in a
supercell without pressure, as in the scripts of the authors (github.com/materialsvirtuallab/mlearn: 107
atoms, volume relaxed, climbing image, 7 replicas); the last column has the barrier by default, in the volume
of the crystal.
"""

from atomsmith.builders import ground_state
from atomsmith.properties.elastic import elastic
from atomsmith.properties.lattice import lattice
from atomsmith.properties.sources import opened_reference
from atomsmith.properties.vacancy import VacancySettings, vacancy
from atomsmith.reference.lammps import LammpsSettings

PUBLISHED = {
    ("Ni", "SNAP"): (3.522, 283, 168, 129, 206, 1.47, 1.12),
    ("Ni", "qSNAP"): (3.521, 267, 155, 125, 193, 1.47, 1.05),
    ("Cu", "SNAP"): (3.634, 178, 126, 86, 143, 1.19, 0.82),
    ("Cu", "qSNAP"): (3.636, 178, 124, 82, 142, 1.15, 0.74),
}
DIGITS = (4, 2, 2, 2, 2, 4, 4)
AS_PUBLISHED = VacancySettings(jump_volume="relaxed")


def cell(ours: float, published: float, digits: int) -> str:
    """Our number and the published one; marked where the latter is not ours, rounded."""
    decimals = len(str(published).partition(".")[2])
    agrees = abs(ours - published) <= 0.5 * 10.0**-decimals
    return f"{ours:.{digits}f} ({published}{'' if agrees else ' !'})"


def main() -> None:
    print("| potential | a (Å) | C11 (GPa) | C12 | C44 | B | E_v (eV) | E_m | E_m by default |")
    print("|---|---|---|---|---|---|---|---|---|")
    for (element, kind), published in PUBLISHED.items():
        name = f"{element}_Zuo_JPCA2020" + (".quadratic" if kind == "qSNAP" else "")
        files = f"* * {name}.snapcoeff {name}.snapparam {element}"
        settings = LammpsSettings(elements=[element], pair_style="snap", pair_coeff=[files])
        crystal = ground_state(element)
        with opened_reference(settings, crystal) as force_field:
            rest = lattice(force_field, crystal)
            stiff = elastic(force_field, crystal)
            hole = vacancy(force_field, crystal, AS_PUBLISHED)
            usual = vacancy(force_field, crystal)
        for problem in (*rest.problems, *stiff.problems, *hole.problems, *usual.problems):
            print(problem)
        found = (
            rest.lengths_angstrom[0],
            *(stiff.component(name) for name in ("C11", "C12", "C44")),
            stiff.moduli.bulk_voigt_gpa,
            hole.formation_energy_ev,
            hole.migration_energy_ev,
        )
        cells = [cell(*one) for one in zip(found, published, DIGITS, strict=True)]
        print(f"| {element} {kind} | {' | '.join(cells)} | {usual.migration_energy_ev:.4f} |", flush=True)


if __name__ == "__main__":
    main()
