"""Power spectra of QUIP with its compressions and of its old versions, against its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap import read_gap
from exchange.gap_files import alloy, write_gap

N, L = 3, 2
SOAP = f"soap n_max={N} l_max={L} cutoff=4.0 cutoff_transition_width=0.6 Z=0"
SIGMA, SPECIES = "atom_sigma=0.5", "n_species=2 species_Z={29 79}"
NEW, OLDER, OLD = 1769700636, 1425000000, 1400000000


def size(products, l_max=L):
    """Components of a power spectrum and the constant."""
    return products * (l_max + 1) + 1


# Settings, components, version of the program that wrote the file.
TERMS = {
    "plain": (f"{SIGMA} {SPECIES}", size(21), NEW),
    "before the density of an atom's own species": (f"{SIGMA} {SPECIES}", size(21), OLDER),
    "before the norm of l": (f"{SIGMA} {SPECIES}", size(21), OLD),
    "one species": ("atom_gaussian_width=0.5 n_species=1 species_Z=29", size(6), NEW),
    "one species, own": (
        f"{SIGMA} n_species=1 species_Z=29 central_reference_all_species=F", size(6), NEW,
    ),
    "diagonal": (f"{SIGMA} {SPECIES} diagonal_radial=T", size(9), NEW),
    "nu 1 1": (f"{SIGMA} {SPECIES} nu_R=1 nu_S=1", size(6), NEW),
    "nu 0 2": (f"{SIGMA} {SPECIES} nu_R=0 nu_S=2", size(3), NEW),
    "nu 2 1": (f"{SIGMA} {SPECIES} nu_R=2 nu_S=1", size(18), NEW),
    "nu 1 0": (f"{SIGMA} {SPECIES} nu_R=1 nu_S=0", size(3), NEW),
    "mixtures of all": (f"{SIGMA} {SPECIES} R_mix=T Z_mix=T K=4 sym_mix=T coupling=F", size(4), NEW),
    "all pairs of different mixtures": (f"{SIGMA} {SPECIES} R_mix=T Z_mix=T K=4 mix_shift=3", size(16), NEW),
    "mixtures of species": (f"{SIGMA} {SPECIES} Z_mix=T K=2 sym_mix=T coupling=F", size(12), NEW),
    "different mixtures of species": (f"{SIGMA} {SPECIES} Z_mix=T K=2", size(36), NEW),
    "mixtures of radial functions": (f"{SIGMA} {SPECIES} R_mix=T K=2 coupling=F", size(8), NEW),
    "all pairs of mixtures of radial functions": (f"{SIGMA} {SPECIES} R_mix=T K=2 sym_mix=T", size(10), NEW),
    "groups": (f"{SIGMA} {SPECIES} Z_map={{29 79: 29, 79}}", size(18), NEW),
    "decay": (f"{SIGMA} {SPECIES} cutoff_dexp=4 cutoff_scale=2.4 cutoff_rate=0.7", size(21), NEW),
    "slow decay": (f"{SIGMA} {SPECIES} cutoff_dexp=1 cutoff_rate=2.0", size(21), NEW),
    "polynomials": (f"{SIGMA} {SPECIES} radial_basis=POLY", size(21), NEW),
    "orbitals": (f"{SIGMA} {SPECIES} radial_basis=GTO", size(21), NEW),
    "orbitals in groups": (f"{SIGMA} {SPECIES} radial_basis=GTO Z_map={{29 79}}", size(6), NEW),
    "many orbitals": (f"{SIGMA} {SPECIES} radial_basis=GTO n_max=6 l_max=6", size(78, 6), NEW),
    "own products": (f"{SIGMA} {SPECIES} coupling=F", size(6), NEW),
    # QUIP's radial functions reach further than the cutoff: with random points none may be left out.
    "many functions": (f"{SIGMA} {SPECIES} n_max=8 l_max=14 cutoff=3.0", size(136, 14), NEW),
    "many functions in groups": (f"{SIGMA} {SPECIES} n_max=8 cutoff=3.0 Z_map={{29 79}}", size(36), NEW),
}  # fmt: skip
# Printed by quippy-ase 0.10.3 (get_potential_energy, get_forces, get_stress) of alloy("CuAu2Cu").
NUMBERS = Path(__file__).parents[1] / "data_files" / "gap" / "soap_numbers.json"


def write(folder, name):
    settings, components, version = TERMS[name]
    return write_gap(folder, [(f"{SOAP} {settings}", components, 4)], version=version)


@pytest.mark.parametrize("name", TERMS)
def test_power_spectra_agree_with_quip(name, tmp_path):
    potential = read_gap(write(tmp_path, name), ["Cu", "Au"])
    expected = json.loads(NUMBERS.read_text())[name]
    atoms = alloy("CuAu2Cu")
    atoms.calc = potential.calculator()
    assert abs(atoms.get_potential_energy() - expected["energy"]) < 1e-11
    assert_allclose(atoms.get_forces(), expected["forces"], atol=1e-11)
    assert_allclose(atoms.get_stress(), expected["stress"], atol=1e-12)
    assert np.abs(expected["forces"]).max() > 1e-4


def test_the_numbers_tell_all_settings_apart():
    energies = sorted(row["energy"] for row in json.loads(NUMBERS.read_text()).values())
    assert len(energies) == len(TERMS)
    assert np.diff(energies).min() > 1e-6


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("diagonal_radial=T", "diagonal_radial=T nu_R=1", "only one is possible"),
        ("diagonal_radial=T", "diagonal_radial=T coupling=F", "coupling=F only beside mixtures"),
        ("diagonal_radial=T", "nu_S=3", "must be 0, 1 or 2"),
        ("diagonal_radial=T", "Z_mix=T", "their number K"),
        ("diagonal_radial=T", "sym_mix=T", "need R_mix or Z_mix"),
        ("diagonal_radial=T", "Z_map={Cu Au}", "not a list of groups"),
        ("diagonal_radial=T", "Z_map={29:79:29 79}", "more than two lists"),
        ("diagonal_radial=T", "radial_basis=BESSEL", "radial_basis=BESSEL is not supported"),
        (
            "diagonal_radial=T",
            "cutoff_dexp=2 cutoff_rate=0",
            "cutoff_rate=0, cutoff_scale=1 and cutoff_dexp=2",
        ),
        ("diagonal_radial=T", "average=T", "average=T is not supported; fit again without it"),
        ("diagonal_radial=T", "", "have 28 components, but its settings give 64"),
        ("diagonal_radial=T", "nu_R=0 nu_S=0", "have 28 components, but its settings give 4"),
    ],
)
def test_what_is_not_supported_is_refused(tmp_path, old, new, message):
    path = write(tmp_path, "diagonal")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InputError, match=message) as error:
        read_gap(path)
    assert str(path) in str(error.value)
