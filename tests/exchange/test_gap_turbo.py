"""Power spectra of soap_turbo against QUIP's numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.integrate import simpson
from scipy.special import spherical_in

from atomsmith import Potential
from atomsmith.descriptors.quintic import quintic_table
from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap import read_gap
from atomsmith.exchange.quip.turbo_radial import TurboDensity
from exchange.gap_files import alloy, write_gap
from oracle.soap_numpy import quintic_radial

NEW = 1769700636
COMMON = "l_max=3 rcut_hard=4.6 rcut_soft=4.0 n_species=2 species_Z={29 79} scaling_mode=polynomial"
WIDTHS = (
    "atom_sigma_r={0.5 0.45} atom_sigma_t={0.5 0.6} atom_sigma_r_scaling={0.0 0.0} "
    "atom_sigma_t_scaling={0.0 0.0} amplitude_scaling={1.0 1.0}"
)
POLYNOMIALS = f"{COMMON} {WIDTHS} alpha_max={{3 2}} central_weight={{1.0 1.0}} basis=poly3"
GAUSSIAN = f"{COMMON} {WIDTHS} alpha_max={{3 3}} central_weight={{1.0 1.0}} basis=poly3gauss"
GROWING = WIDTHS.replace("scaling={0.0 0.0}", "scaling={0.1 0.05}")
SHORT = "l_max=2 cutoff=4.3 n_max=4 atom_sigma=0.5 n_species=2 species_Z={79 29}"
FILE = "3 2 3 6\n1\n3\n4\n10\n41\n60\n"
"""Components of the spectrum of 5 functions and 4 angular degrees, behind n_max, l_max and their number."""


def size(functions, l_max=3):
    """Components of a power spectrum."""
    return functions * (functions + 1) // 2 * (l_max + 1)


# Settings, components, version of the program that wrote the file.
TERMS = {
    "polynomials": (POLYNOMIALS, size(5), NEW),
    "gaussian": (GAUSSIAN, size(6), NEW),
    "the distance times the density": (f"{GAUSSIAN} radial_enhancement=1", size(6), NEW),
    "its square": (f"{POLYNOMIALS} radial_enhancement=2", size(5), NEW),
    "gaussian, its square": (f"{GAUSSIAN} radial_enhancement=2", size(6), NEW),
    "growing widths": (POLYNOMIALS.replace(WIDTHS, GROWING), size(5), NEW),
    "gaussian, growing widths": (
        f"{GAUSSIAN.replace(WIDTHS, GROWING)} radial_enhancement=1", size(6), NEW,
    ),
    "amplitudes": (
        POLYNOMIALS.replace("amplitude_scaling={1.0 1.0}", "amplitude_scaling={0.0 2.0}"), size(5), NEW,
    ),
    "half an amplitude": (
        GAUSSIAN.replace("amplitude_scaling={1.0 1.0}", "amplitude_scaling={0.5 1.5}"), size(6), NEW,
    ),
    "central weights": (POLYNOMIALS.replace("weight={1.0 1.0}", "weight={0.3 0.0}"), size(5), NEW),
    "gaussian, central weights": (GAUSSIAN.replace("weight={1.0 1.0}", "weight={0.3 2.0}"), size(6), NEW),
    "a steep filter": (f"{POLYNOMIALS} nf=8.0", size(5), NEW),
    "names of soap": (SHORT, size(8, 2), NEW),
    "names of soap, growing": (
        f"{SHORT} atom_sigma_scaling=0.04 cutoff_transition_width=0.8", size(8, 2), NEW,
    ),
    "one species": (
        "l_max=3 rcut_hard=4.6 rcut_soft=4.0 species_Z=29 alpha_max=4 atom_sigma_r=0.4 atom_sigma_t=0.5",
        size(4), NEW,
    ),
    "one species, its weight unread": (
        "l_max=3 rcut_hard=4.6 rcut_soft=4.0 species_Z=29 alpha_max=4 atom_sigma_r=0.4 atom_sigma_t=0.5 "
        "central_weight=0.5",
        size(4), NEW,
    ),
    "trivial": (f"{POLYNOMIALS} compress_mode=trivial", 36, NEW),
    "listed": (f"{POLYNOMIALS} compress_file=components.dat", 6, NEW),
    "orders 1 1": (f"{GAUSSIAN} compress_mode=1_1", 6 * 4, NEW),
    "orders 2 0": (f"{GAUSSIAN} compress_mode=2_0", 6 * 4, NEW),
    "orders 0 2": (f"{GAUSSIAN} compress_mode=0_2", 3 * 4, NEW),
    "orders 2 1": (f"{GAUSSIAN} compress_mode=2_1", 18 * 4, NEW),
    "functions of the first": (f"{GAUSSIAN} radial_enhancement=2", size(6), NEW),
    "a power of 2.6": (POLYNOMIALS, size(5), NEW),
    "many functions": (GAUSSIAN.replace("{3 3}", "{7 7}"), size(14), NEW),
}  # fmt: skip
# Printed by quippy-ase 0.10.3 (get_potential_energy, get_forces, get_stress) of alloy("CuAu2Cu").
NUMBERS = Path(__file__).parents[1] / "data_files" / "gap" / "turbo_numbers.json"


def write(folder, name):
    settings, components, version = TERMS[name]
    centres = (1,) if "n_species" not in settings else (1, 2)
    (folder / "components.dat").write_text(FILE)
    terms = [(f"soap_turbo {settings} central_index={k}", -components, 4) for k in centres]
    if name == "functions of the first":
        terms[1] = (terms[1][0].replace("atom_sigma_r={0.5 0.45}", "atom_sigma_r={0.3 0.4}"), *terms[1][1:])
    path = write_gap(folder, terms, version=version)
    if name == "a power of 2.6":
        path.write_text(path.read_text().replace('zeta="2.0"', 'zeta="2.6"'))
    return path


@pytest.mark.parametrize("name", TERMS)
def test_power_spectra_agree_with_quip(name, tmp_path):
    potential = read_gap(write(tmp_path, name), ["Cu", "Au"])
    expected = json.loads(NUMBERS.read_text())[name]
    atoms = alloy("CuAu2Cu")
    atoms.calc = potential.calculator()
    # Many functions are good to some digits only: they depend on the processor.
    rough = 1e3 if name == "many functions" else 1.0
    assert abs(atoms.get_potential_energy() - expected["energy"]) < 1e-12 * rough
    assert_allclose(atoms.get_forces(), expected["forces"], atol=2e-12 * rough)
    assert_allclose(atoms.get_stress(), expected["stress"], atol=1e-13 * rough)
    assert np.abs(expected["forces"]).max() > 5e-5


def test_the_numbers_tell_settings_apart():
    rows = json.loads(NUMBERS.read_text())
    assert set(rows) == set(TERMS)
    energies = {name: row["energy"] for name, row in rows.items()}
    # As the program reads these two: the weight of the centre is 1.
    assert energies.pop("one species, its weight unread") == energies["one species"]
    assert np.diff(sorted(energies.values())).min() > 5e-10


def test_weights_of_the_centre_are_read_where_the_program_did(tmp_path):
    path = write(tmp_path, "one species, its weight unread")
    atoms = alloy("Cu4")
    unread = read_gap(path, ["Cu"])
    path.write_text(path.read_text().replace(str(NEW), "1683000000"))
    own = [part["self"] for part in (unread.plan["parts"][1], read_gap(path, ["Cu"]).plan["parts"][1])]
    assert_allclose(own[1], 0.5 * own[0], rtol=1e-14)
    atoms.calc = unread.calculator()
    assert np.isfinite(atoms.get_potential_energy())


def test_an_imported_potential_is_kept(tmp_path):
    potential = read_gap(write(tmp_path, "gaussian, growing widths"), ["Cu", "Au"])
    potential.save(tmp_path / "potential.json")
    atoms = alloy("CuAu2Cu")
    atoms.calc = potential.calculator()
    forces = atoms.get_forces()
    atoms.calc = Potential.load(tmp_path / "potential.json").calculator()
    assert_array_equal(atoms.get_forces(), forces)


def test_slopes_are_off_by_little(tmp_path):
    """QUIP's derivatives are not quite those of its energies; without what they are off by, ours are."""
    plan = read_gap(write(tmp_path, "names of soap, growing"), ["Cu", "Au"]).plan
    radial = plan["parts"][1]["radial"]
    slopes = radial["nodes"][:, 1] * radial["bins"][0] / radial["cutoff"][0]
    extra = np.abs(radial["extra_slopes"][:, 0]).max()
    assert 1e-10 < extra / np.abs(slopes).max() < 1e-7
    assert not np.abs(radial["extra_slopes"][:10]).any()


@pytest.mark.parametrize("gaussian", [False, True])
def test_functions_are_integrals_of_the_filtered_density(gaussian):
    """By quadrature of Caro's eq. 18 and those after it, without the program's left-out boundary term."""
    density = TurboDensity(4, gaussian, 4.5, 3.9, 30.0, 0.5, 0.05, 0.4, 0.1, 1.0, 1)
    x = np.linspace(0.0, 1.0, 40001)
    primitive = [np.sqrt(2 * k + 5) * (1 - x) ** (k + 2) for k in range(1, 5)]
    sigma = 0.5 / 4.5
    if gaussian:
        primitive[3] = np.sqrt(2.0 / sigma) / np.pi**0.25 * np.exp(-0.5 * (x / sigma) ** 2)
    functions = np.array(primitive)
    overlap = simpson(functions[:, None] * functions, x)
    values, vectors = np.linalg.eigh(overlap)
    orthonormal = (vectors / np.sqrt(values)) @ vectors.T @ functions
    soft = 3.9 / 4.5
    filtered = np.where(x > soft, np.exp(-0.5 * (30.0 * (x - soft) / (1.0 - soft)) ** 2), 1.0)
    table = quintic_table([density.tabulated(3)], np.zeros(1, np.int32))
    for r in (0.9, 1.7, 2.9):
        width = (0.5 + 0.05 * r) / 4.5
        atom = np.exp(-0.5 * ((x - r / 4.5) / width) ** 2) / width
        weight = (r / 4.5 + np.sqrt(2.0 / np.pi) * width) * (1 - 3 * (r / 4.5) ** 2 + 2 * (r / 4.5) ** 3)
        radial = simpson(orthonormal * atom * filtered, x) * weight * np.sqrt(4.5)
        z = (r / (0.4 + 0.1 * r)) ** 2
        angular = 4.0 * np.pi * (4.5 / (0.4 + 0.1 * r)) ** 2 * np.exp(-z) * spherical_in(np.arange(4), z)
        found = quintic_radial(table, 0, np.array([r])).reshape(4, 4)
        assert_allclose(found, angular[:, None] * radial, atol=2e-7 * np.abs(found).max())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("basis=poly3", "basis=poly3operator", "basis=poly3operator, only poly3 and poly3gauss are"),
        ("scaling_mode=polynomial", "scaling_mode=none", "scaling_mode=none, only polynomial is"),
        ("alpha_max={3 2}", "alpha_max={3 11}", "alpha_max=11, only 1 to 10 are"),
        ("alpha_max={3 2}", "alpha_max={3}", "sparse points have 60 components, but its settings give 84"),
        ("alpha_max={3 2}", "alpha_max={3 2 2}", "needs one number for each of 2 species"),
        ("alpha_max={3 2}", "", "needs one number for each of 2 species"),
        ("rcut_soft=4.0", "rcut_soft=4.6", "only 0 < rcut_soft < rcut_hard are"),
        ("n_species=2", "n_species=3", "it needs species_Z for each species"),
        ("n_species=2", "n_species=1.5", "n_species=1.5 is not a whole number"),
        ("l_max=3", "l_max=17", "at most l_max=16"),
        ("amplitude_scaling={1.0 1.0}", "amplitude_scaling={1.0 0.7}", "only multiples of 0.5"),
        ("atom_sigma_t={0.5 0.6}", "atom_sigma_t={0.5 -0.6}", "that are not positive"),
        ("central_index=2", "central_index=3", "central_index=3, but there are 2 species"),
        ("basis=poly3", "basis=poly3 radial_enhancement=3", "only 0, 1 and 2 are"),
        ("basis=poly3", "basis=poly3 radial_basis=GTO", "the key 'radial_basis' is not known"),
        ("basis=poly3", "basis=poly3 compress_mode=odd", "compress_mode=odd is not supported"),
        ("basis=poly3", "basis=poly3 compress_mode=1_1", "needs the same alpha_max for all species"),
        ("basis=poly3", "basis=poly3 compress_file=none.dat", "none.dat"),
        ("species_Z={29 79}", "species_Z={29 47}", "species_Z .47. are not among those given"),
        ('zeta="2.0"', 'zeta="0.5"', "zeta=0.5 is not supported; it must be between 1 and 32"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, old, new, message):
    path = write(tmp_path, "polynomials")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        read_gap(path, ["Cu", "Au"])
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 2 3 6\n1\n3\n4\n10\n41\n41\n", "are not different ones between 1 and 60"),
        ("3 2 3 6\n1\n3\n4\n10\n41\n61\n", "are not different ones between 1 and 60"),
        ("3 2 3 6\n1\n3\nx\n10\n41\n61\n", "not a list of components"),
        ("3 2\n", "not a list of components"),
        ("3 2 3 6\nP_transformation\n1 1 0.5\nend_transformation\n", "one that mixes them"),
        (
            "3 2 3 6\nP_transformation\n1 4 1.0\n2 1 1.0\nend_transformation\n",
            "sparse points have 6 components, but its settings give 2",
        ),
    ],
)
def test_lists_of_components(tmp_path, text, message):
    path = write(tmp_path, "listed")
    (tmp_path / "components.dat").write_text(text)
    with pytest.raises(InputError, match=message):
        read_gap(path)


def test_a_transformation_that_selects_is_a_list(tmp_path):
    path = write(tmp_path, "listed")
    listed = read_gap(path)
    lines = [f"{k + 1} {c} 1.0" for k, c in enumerate(FILE.split()[4:])]
    text = "\n".join(["3 2 3 6", "P_transformation", *lines[::-1], "end_transformation"])
    (tmp_path / "components.dat").write_text(text)
    points = [
        potential.plan["parts"][1]["regressor"]["centres"][0]["points"]
        for potential in (listed, read_gap(path))
    ]
    assert_array_equal(points[0], points[1])
