"""Sparse kernels in fits: rows, points, the prior, and Gaussian processes as they stand in the books."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from atomsmith import Potential
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.evaluator import PlanEvaluator
from atomsmith.fitting.fit import fit_model
from atomsmith.fitting.rows.kernel_rows import KernelEvaluator
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.fitting.trainers.kernel import whitener
from atomsmith.fitting.trainers.kernel_points import select_points
from atomsmith.regressors.kernel import Standard
from atomsmith.systems import Systems
from engine.plans import one_of_each, plans
from oracle.ace_numpy import Oracle

SOAP = {"kind": "soap", "cutoff": 3.8, "n_max": 5, "l_max": 3, "sigma_atom": 0.5}
KERNELS = [name for name in plans() if "kernel" in name]


def configurations(count=14, seed=0, elements=(29, 79)):
    """Small random crystals with the energies, forces and stresses of a soft pair potential."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        n = 4
        cell = np.diag(rng.uniform(3.8, 4.2, 3)) + 0.05 * rng.normal(size=(3, 3))
        places = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
        positions = places @ cell + 0.1 * rng.normal(size=(n, 3))
        numbers = rng.choice(elements, n)
        shifts = np.array(np.meshgrid(*[np.arange(-3, 4)] * 3)).reshape(3, -1).T @ cell
        energy, forces, virial = 0.0, np.zeros((n, 3)), np.zeros((3, 3))
        for i in range(n):
            for j in range(n):
                d = positions[j] + shifts - positions[i]
                r = np.linalg.norm(d, axis=1)
                near = (r > 1e-9) & (r < 3.6)
                d, r = d[near], r[near]
                strength = 20.0 + 6.0 * (numbers[i] == numbers[j])
                x = 1.0 - r / 3.6
                energy += 0.5 * strength * np.sum(x**4)
                slope = -4.0 * strength * x**3 / 3.6 / r
                forces[i] += slope @ d
                virial -= 0.5 * np.einsum("k,ka,kb->ab", slope, d, d)
        stress = -virial / abs(np.linalg.det(cell))
        found.append(
            Configuration(
                numbers=numbers,
                positions=positions,
                cell=cell,
                pbc=np.ones(3, bool),
                energy=energy,
                forces=forces,
                stress=stress.reshape(-1)[[0, 4, 8, 5, 2, 1]],
            )
        )
    return found


def settings(*terms, **values):
    plain = {"repulsive_core": False, "committee": 0, "calibrate": False, "weights": {"virial": 0.5}}
    model = {"terms": list(terms), "repulsion": None}
    return PotentialSettings.model_validate(plain | values | {"model": model})


def kernel(points=60, **values):
    return {"kind": "kernel", "points": points, "zeta": 2} | values


@pytest.mark.parametrize("name", KERNELS)
def test_rows_are_those_of_the_engine(name):
    plan = plans()[name]
    systems = one_of_each(plan["elements"], seed=3)
    expected = PlanEvaluator(plan).design_rows(systems)
    for found, rows in zip(KernelEvaluator(plan).design_rows(systems), expected, strict=True):
        assert_allclose(found, rows, atol=1e-11 * np.abs(rows).max())


def test_rows_do_not_depend_on_threads():
    plan = plans()["soap with kernel"]
    systems = one_of_each(plan["elements"], seed=3)
    one = KernelEvaluator(plan).design_rows(systems)
    for found, rows in zip(KernelEvaluator(plan, n_threads=3).design_rows(systems), one, strict=True):
        assert_array_equal(found, rows)


def test_a_fit_is_a_sparse_gaussian_process():
    """Coefficients and standard deviations of subset-of-regressors: (K_MN W K_NM + a K_MM)^-1 K_MN W y."""
    data = configurations()
    result = fit_model(
        data,
        settings(
            {"descriptor": SOAP, "regressor": kernel(points=20)},
            reference_energies={"values": {"Cu": 0.0, "Au": 0.0}},
        ),
    )
    potential, alpha, beta = result.potential, result.solution.alpha, result.solution.beta
    part = potential.plan["parts"][1]
    points = [centre["points"] for centre in part["regressor"]["centres"]]
    blocks = [(own @ own.T) ** 2 for own in points]
    n = sum(map(len, points))
    prior = np.zeros((n, n))
    at = 0
    for block in blocks:
        own = slice(at, at + len(block))
        prior[own, own] = block + 1e-10 * np.trace(block) / len(block) * np.eye(len(block))
        at += len(block)
    systems = Systems.from_configurations(data)
    rows = [made[:, 2:] for made in PlanEvaluator(potential.plan).design_rows(systems)]
    root = np.sqrt(4.0)  # atoms in each configuration
    rows = np.concatenate([30.0 / root * rows[0], rows[1], 0.5 / root * rows[2]])
    targets = np.concatenate([
        [30.0 / root * c.energy for c in data],
        *(c.forces.reshape(-1) for c in data),
        *(-0.5 / root * c.volume * c.stress for c in data),
    ])  # fmt: skip
    strength = np.unique(alpha[2:])
    assert len(strength) == 1
    precision = beta * rows.T @ rows + strength[0] * prior
    expected = np.linalg.solve(precision, beta * rows.T @ targets)
    assert_allclose(rows @ potential.coefficients[2:], rows @ expected, atol=1e-6 * np.abs(targets).max())
    std = result.solution.posterior.std(np.pad(rows[:5], ((0, 0), (2, 0))))
    assert_allclose(std, np.sqrt(np.diag(rows[:5] @ np.linalg.solve(precision, rows[:5].T))), rtol=1e-4)


@pytest.mark.parametrize(
    "terms",
    [
        ({"descriptor": SOAP, "regressor": kernel()},),
        (
            {
                "descriptor": {"kind": "pair", "cutoff": 4.5},
                "regressor": kernel(points=8, length_angstrom=0.8),
            },
            {"descriptor": SOAP, "regressor": kernel(selection="farthest", prior_scale=0.3)},
        ),
        ({"descriptor": {"kind": "bispectrum", "cutoff": 4.0, "twojmax": 4}, "regressor": kernel(zeta=3)},),
        ({"descriptor": {"kind": "ace", "cutoff": 4.2, "degree": 4}, "regressor": kernel()},),
        (
            {"descriptor": {"kind": "pair", "cutoff": 4.5, "degree": 6}},
            {"descriptor": SOAP | {"normalised": False}, "regressor": kernel()},
        ),
    ],
    ids=["soap", "pairs and soap", "bispectrum", "ace", "linear pairs and soap without norm"],
)
def test_fits_predict_what_they_have_not_seen(terms, tmp_path):
    train, test = configurations(30), configurations(4, seed=1)
    result = fit_model(train, settings(*terms, committee=3, calibrate=True))
    potential = result.potential
    prediction = potential.predict(test)
    forces = np.concatenate([c.forces for c in test])
    assert np.std(prediction.forces - forces) < 0.6 * np.std(forces)
    potential.save(tmp_path / "p.json")
    again = Potential.load(tmp_path / "p.json").predict(test)
    assert_array_equal(again.forces, prediction.forces)
    assert potential.committee.shape == (3, len(potential.coefficients))
    oracle = Oracle(potential.plan, Systems.from_configurations(test[:1]))
    assert prediction.energy[0] == pytest.approx(oracle.energy(potential.coefficients)[0], abs=1e-8)


def test_inputs_without_a_norm_hold_the_features_themselves():
    """With a small spread, what is linear in features is all but linear in inputs; with a large one not."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(400, 6)) * np.geomspace(1e-3, 1e3, 6) + 7.0
    features[:, 3] = 2.0  # does not vary
    target = (features - 7.0) @ np.geomspace(1e3, 1e-3, 6)
    missed = {}
    for spread in (0.05, 2.0):
        standard = Standard.of(features, spread)
        raw = (features - standard.shift) * standard.scale
        assert np.sqrt(np.square(raw).sum(axis=1).mean()) == pytest.approx(spread)
        inputs = standard.inputs(features)
        assert_allclose(np.linalg.norm(inputs, axis=1), 1.0, atol=1e-14)
        fitted = inputs @ np.linalg.lstsq(inputs, target, rcond=None)[0]
        missed[spread] = np.std(target - fitted) / np.std(target)
    assert missed[0.05] < 0.01
    assert missed[2.0] > 0.1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("descriptor", [SOAP, {"kind": "bispectrum", "cutoff": 3.8, "twojmax": 2}])
def test_elements_that_the_data_do_not_hold(descriptor):
    """As folds of a search and learning curves have them: such atoms have no outputs of their own."""
    term = {"descriptor": descriptor, "regressor": {"kind": "kernel", "points": 10}}
    settings = PotentialSettings.model_validate({"model": {"terms": [term]}, "committee": 0})
    potential = fit_model(configurations(6, elements=(29,)), settings, elements=(29, 79)).potential
    (mixed,) = configurations(1, seed=1)
    prediction = potential.predict([mixed])
    assert set(mixed.numbers) == {29, 79}
    assert np.isfinite(prediction.forces).all()
    assert np.abs(prediction.forces).max() > 0.0


def test_solvers_that_drop_functions_are_refused():
    with pytest.raises(InputError, match="solver ard drops functions"):
        fit_model(
            configurations(4),
            settings({"descriptor": SOAP, "regressor": kernel()}, solver={"kind": "ard"}),
        )


@pytest.mark.parametrize("selection", ["cur", "farthest"])
def test_points_are_distinct_and_seeded(selection):
    rng = np.random.default_rng(0)
    features = np.repeat(rng.normal(size=(30, 5)), 3, axis=0)
    chosen = select_points(features, 12, selection, seed=1)
    assert len(chosen) == 12
    assert len(np.unique(features[chosen], axis=0)) == 12
    assert_array_equal(chosen, select_points(features, 12, selection, seed=1))
    assert not np.array_equal(chosen, select_points(features, 12, selection, seed=2))
    assert len(select_points(features, 50, selection, seed=1)) == 30


def test_farthest_points_cover_the_data():
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(size=(200, 3)) * 0.01, 5.0 * np.eye(3)])
    chosen = select_points(features, 4, "farthest", seed=0)
    assert set(range(200, 203)) <= set(chosen)


def test_the_whitener_inverts_a_kernel_of_low_rank():
    x = np.random.default_rng(0).normal(size=(30, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    kernel_matrix = (x @ x.T) ** 2  # rank 6
    white = whitener(kernel_matrix, 1e-10)
    assert_array_equal(white, np.triu(white))
    product = white.T @ (kernel_matrix + 1e-10 * np.eye(30)) @ white
    assert_allclose(product, np.eye(30), atol=1e-4)
    with pytest.raises(InputError, match="depend on one another"):
        whitener(np.full((3, 3), np.nan), 1e-10)
