"""Power spectra: radial functions against quadrature and other engines, sizes, mixtures, bad settings."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from numpy.testing import assert_allclose
from scipy.special import spherical_in

from atomsmith.descriptors import SoapSettings, build_soap
from atomsmith.descriptors.quintic import Tabulated, quintic_table
from atomsmith.descriptors.soap import Rows, soap_part
from atomsmith.descriptors.soap_radial import (
    RadialBasis,
    central_values,
    equispaced_gaussians,
    expand,
    gaussian_type_orbitals,
)
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.systems import Systems
from oracle.soap_numpy import quintic_radial


def soap(**settings):
    return SoapSettings(kind="soap", **settings)


def alloy(seed=0):
    atoms = bulk("Cu", a=3.7, cubic=True) * (2, 1, 1)
    rng = np.random.default_rng(seed)
    atoms.symbols = ["Cu", "Au"] * 4
    atoms.positions += rng.normal(scale=0.15, size=atoms.positions.shape)
    return atoms


def features(settings, atoms, elements=(29, 79)):
    part = build_soap(settings, elements).part
    n = len(atoms)
    systems = Systems(
        atoms.numbers.astype(np.int32),
        atoms.positions,
        atoms.cell.array[None],
        np.ones((1, 3), bool),
        np.array([0, n]),
    )
    found = PlanEvaluator({"elements": list(elements), "parts": [part]}).features(systems)
    return found.reshape(n, len(elements), -1).sum(axis=1)


@pytest.mark.parametrize("make", [equispaced_gaussians, gaussian_type_orbitals])
def test_expansion_and_its_derivatives(make):
    basis = make(5, 4.0, 0.5)
    r, h = np.array([0.3, 1.7, 3.9]), 1e-4
    values = expand(basis, 4, 0.5, r)
    for l in range(5):
        x = basis.points
        z = x * r[:, None] / 0.25
        direct = np.exp(-(x**2 + r[:, None] ** 2) / 0.5) * spherical_in(l, z) @ basis.transform
        assert_allclose(values[:, 0, l], direct, rtol=1e-10, atol=1e-13)
    up, down = expand(basis, 4, 0.5, r + h), expand(basis, 4, 0.5, r - h)
    for k in range(2):
        assert_allclose(values[:, k + 1], (up[:, k] - down[:, k]) / (2 * h), atol=2e-6)


def test_orbitals_are_orthonormal_and_keep_the_norm_of_the_density():
    """With many orbitals the squares of the coefficients of a Gaussian atom add up to its own."""
    basis = gaussian_type_orbitals(12, 5.0, 0.8)
    r = np.array([2.0])
    values = expand(basis, 12, 0.8, r)[0, 0]
    total = sum((2 * l + 1) / (4 * np.pi) * np.square(values[l]).sum() for l in range(13))
    assert total == pytest.approx(1.0, abs=2e-3)


def test_the_table_keeps_the_functions():
    part = build_soap(soap(cutoff=4.0, n_max=6, l_max=5), [14]).part
    basis = equispaced_gaussians(6, 4.0, 0.5)
    r = np.linspace(0.0, 3.49, 200)
    expected = expand(basis, 5, 0.5, r)[:, 0].reshape(len(r), -1)
    assert_allclose(quintic_radial(part["radial"], 0, r), expected, atol=1e-13 * np.abs(expected).max())


def test_an_atom_alone_has_only_its_own_density():
    atoms = alloy()[:1]
    atoms.set_cell(np.eye(3) * 30.0)
    settings = soap(n_max=3, l_max=2, cutoff=4.0, normalised=False)
    own = central_values(equispaced_gaussians(3, 4.0, 0.5), 0.5)
    found = features(settings, atoms, (29,))[0].reshape(-1, 3)
    pairs = [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (2, 2)]
    expected = [own[a] * own[b] * (1.0 if a == b else np.sqrt(2.0)) for a, b in pairs]
    assert_allclose(found[:, 0], expected, rtol=1e-12)
    assert np.abs(found[:, 1:]).max() == 0.0


def test_sizes():
    for settings, n in [
        (soap(n_max=4, l_max=3), 2 * 36 * 4),
        (soap(n_max=4, l_max=3, covariance_sigma0=0.1), 2 * (36 * 4 + 1)),
        (soap(n_max=4, l_max=3, mixtures={"count": 5}), 2 * 5 * 4),
        (soap(n_max=4, l_max=3, mixtures={"count": 5, "products": "all"}), 2 * 15 * 4),
    ]:
        built = build_soap(settings, [29, 79])
        assert built.part["n_features"] == len(built.info) == n


def test_mixtures_keep_the_full_spectrum_where_they_are_complete():
    """Kernels of all products of an orthogonal mixture are those of the products of what is mixed."""
    full = soap(n_max=2, l_max=3, cutoff=4.0)
    part = build_soap(full, (29, 79)).part
    mixing, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    atoms = alloy()
    systems = Systems(
        atoms.numbers.astype(np.int32), atoms.positions, atoms.cell.array[None], np.ones((1, 3), bool),
        np.array([0, len(atoms)]),
    )  # fmt: skip
    kernels = []
    for chosen in (part, part | {"mixing": mixing}):
        found = PlanEvaluator({"elements": [29, 79], "parts": [chosen]}).features(systems)
        found = found.reshape(len(atoms), 2, -1).sum(axis=1)
        kernels.append(found @ found.T)
    assert_allclose(kernels[1], kernels[0], atol=1e-12)


def test_featomic_agrees():
    featomic = pytest.importorskip("featomic", reason="featomic is not installed")
    atoms = alloy()
    calculator = featomic.SoapPowerSpectrum(
        cutoff={"radius": 4.0, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        density={"type": "Gaussian", "width": 0.4},
        basis={
            "type": "TensorProduct",
            "max_angular": 3,
            "radial": {"type": "Gto", "max_radial": 3},
            "spline_accuracy": None,
        },
    )
    spectrum = calculator.compute([atoms])
    ours = features(
        soap(cutoff=4.0, n_max=4, l_max=3, sigma_atom=0.4, basis="gto", normalised=False), atoms
    ).reshape(8, 36, 4)
    rows, columns = np.tril_indices(
        8
    )  # of pairs of species and radial function, (species, k) = divmod(row, 4)
    for product, (a, b) in enumerate(zip(rows, columns, strict=True)):
        (second, k), (first, j) = divmod(a, 4), divmod(b, 4)
        for centre in (29, 79):
            key = {"neighbor_1_type": (29, 79)[first], "neighbor_2_type": (29, 79)[second]}
            block = spectrum.block({"center_type": centre} | key)
            where = {tuple(int(v) for v in p): k for k, p in enumerate(np.asarray(block.properties.values))}
            centres = np.asarray(block.samples["atom"])
            # Products of two species stand there once, with the weight of both.
            twice = np.sqrt(2.0) if first == second and k != j else 1.0
            for l in range(4):
                sign = (-1.0) ** l  # featomic's, of no consequence
                theirs = sign * twice * np.asarray(block.values)[:, where[l, j, k]]
                assert_allclose(ours[centres, product, l], theirs, rtol=1e-9, atol=1e-13)


def test_dscribe_agrees():
    """The same engine with dscribe's own orbitals, which depend on l, on a molecule of three elements."""
    dscribe = pytest.importorskip("dscribe.descriptors", reason="dscribe is not installed")
    n_max, l_max, sigma, elements = 4, 3, 0.4, [1, 6, 8]
    atoms = Atoms("HOCHOCHH", positions=np.random.default_rng(0).uniform(-1.2, 1.2, (8, 3)))
    theirs = dscribe.SOAP(r_cut=4.0, n_max=n_max, l_max=l_max, sigma=sigma, species=elements, rbf="gto")
    x, weight = np.polynomial.legendre.leggauss(400)
    x, weight = 7.0 * (x + 1.0), 7.0 * weight  # from 0 to 14 angstrom, where all orbitals have vanished
    bases = []
    for l, (exponents, mixing) in enumerate(zip(theirs._alphas, theirs._betas, strict=True)):
        orbitals = x[:, None] ** l * np.exp(-(x[:, None] ** 2) * exponents) @ mixing.T
        bases.append(RadialBasis(x, 4.0 * np.pi * (weight * x**2)[:, None] * orbitals))

    def evaluate(r):
        values = [expand(basis, l, sigma, r)[:, :, l] for l, basis in enumerate(bases)]
        return np.stack(values, axis=2).reshape(len(r), 3, -1)

    part = soap_part(
        quintic_table([Tabulated(evaluate, 6.0, 0.5, sigma)], np.zeros(9, np.int32)),
        l_max,
        np.eye(3)[:, :, None] * central_values(bases[0], sigma),
        Rows.all_pairs(3 * n_max),
        normalised=False,
        sigma0=0.0,
    )
    systems = Systems(
        atoms.numbers.astype(np.int32), atoms.positions, np.zeros((1, 3, 3)), np.zeros((1, 3), bool),
        np.array([0, len(atoms)]),
    )  # fmt: skip
    found = PlanEvaluator({"elements": elements, "parts": [part]}).features(systems)
    found = found.reshape(len(atoms), 3, -1).sum(axis=1).reshape(len(atoms), -1, l_max + 1)
    rows, columns = np.tril_indices(3 * n_max)
    found *= (np.pi * np.sqrt(8.0) / np.where(rows == columns, 1.0, np.sqrt(2.0)))[:, None]
    ours = np.zeros((len(atoms), 3, n_max, 3, n_max, l_max + 1))
    ours[:, rows // n_max, rows % n_max, columns // n_max, columns % n_max] = found
    ours[:, columns // n_max, columns % n_max, rows // n_max, rows % n_max] = found
    spectrum = theirs.create(atoms)
    first, second = np.triu_indices(n_max)
    for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)):
        block = ours[:, i, :, j][:, first, second] if i == j else ours[:, i, :, j].reshape(8, -1, l_max + 1)
        expected = spectrum[:, theirs.get_location((elements[i], elements[j]))]
        assert np.abs(expected).max() > 0.1
        assert_allclose(block.transpose(0, 2, 1).reshape(8, -1), expected, atol=1e-9)


def test_bad_settings_are_refused():
    with pytest.raises(InputError, match="transition_width is 3 angstrom, wider than the cutoff"):
        build_soap(soap(cutoff=2.0, transition_width=3.0), [14])
    with pytest.raises(InputError, match="depend on one another"):
        build_soap(soap(cutoff=2.0, n_max=32, sigma_atom=1.0), [14])
    with pytest.raises(InputError, match="orbitals depend on one another"):
        build_soap(soap(n_max=32, basis="gto"), [14])
