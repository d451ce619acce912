"""The contractions of moment tensors, and the descriptor made of them."""

import os
from dataclasses import replace
from itertools import combinations, permutations, product
from math import factorial
from pathlib import Path

import numpy as np
import pytest

from atomsmith import Dataset, fit
from atomsmith.data.configuration import Configuration
from atomsmith.descriptors import MomentsSettings, build_moments, moments_size
from atomsmith.descriptors.contractions import Graph, connected_graphs, contractions, products_of_level
from atomsmith.evaluator import PlanEvaluator
from atomsmith.exchange.mlip import read_mtp
from atomsmith.fitting.settings import PotentialSettings
from atomsmith.model import ModelSettings, TermSettings
from atomsmith.potential import Potential
from oracle.ace_numpy import Oracle
from oracle.environments import environments, isolated

DATA = os.environ.get("ATOMSMITH_DATA")
# Those of 16, 20 and 24 are in published potentials of MLIP, and all up to 24 are those of motep 0.2.0
# (moments_level*.json).
COUNTS = {2: 1, 4: 2, 6: 5, 8: 9, 10: 16, 12: 29, 14: 52, 16: 92, 18: 163, 20: 288, 22: 500, 24: 864}


@pytest.mark.parametrize("level", range(2, 29, 2))
def test_number_of_contractions(level):
    count = len(contractions(level))
    assert count == COUNTS.get(level, count) == orbits(level, 4)
    assert max(sum(graph.level for graph in parts) for parts in contractions(level)) == level


def orbits(level, moments):
    """Multigraphs of so many moments at most up to relabelling, counted without forming one.

    The lemma of Cauchy and Frobenius: the number of orbits is the mean, over all relabellings, of the number
    of what they leave as it is. That is a power series in the level, a product over the cycles of vertices
    (of level 2 + 4 mu each) and over those of pairs of vertices (2 for every edge).
    """
    total = 0
    for n in range(1, moments + 1):
        pairs = [frozenset(pair) for pair in combinations(range(n), 2)]
        fixed = 0
        for relabelled in permutations(range(n)):
            series = np.eye(1, level + 1, dtype=np.int64)[0]
            for length in cycles({i: relabelled[i] for i in range(n)}):
                first = np.zeros_like(series)
                first[2 * length :] = series[: max(0, level + 1 - 2 * length)]
                series = geometric(first, 4 * length)
            for length in cycles({pair: frozenset(relabelled[i] for i in pair) for pair in pairs}):
                series = geometric(series, 2 * length)
            fixed += int(series.sum())
        assert fixed % factorial(n) == 0
        total += fixed // factorial(n)
    return total


def cycles(permutation):
    """Lengths of the cycles of a permutation, given as a dict."""
    left = set(permutation)
    while left:
        start = at = left.pop()
        length = 1
        while (at := permutation[at]) != start:
            left.discard(at)
            length += 1
        yield length


def geometric(series, step):
    """Power series over 1 - x^step."""
    found = series.copy()
    for k in range(step, len(found)):
        found[k] += found[k - step]
    return found


def scalars(basic, rows, chosen, radial, unit):
    """Values of contractions around one atom."""
    basic = np.asarray(basic)
    values = np.zeros(max([len(basic), *(int(row[3]) + 1 for row in rows)]))
    powers = np.prod([unit[:, [k]] ** basic[:, k + 1] for k in range(3)], axis=0)
    values[: len(basic)] = (radial[:, basic[:, 0]] * powers).sum(axis=0)
    for u, v, weight, target in rows:
        values[int(target)] += weight * values[int(u)] * values[int(v)]
    return values[chosen]


def surroundings(seed=0, n=9):
    rng = np.random.default_rng(seed)
    unit = rng.normal(size=(n, 3))
    return rng.normal(size=(n, 7)), unit / np.linalg.norm(unit, axis=1, keepdims=True)


def full_contraction(graph, radial, unit):
    """Sum over all indices of all edges, without any shortcut."""
    n = len(graph.mu)
    edges = [(i, j) for i in range(n) for j in range(i) for _ in range(graph.multiplicity(i, j))]
    total = 0.0
    for indices in product(range(3), repeat=len(edges)):
        term = 1.0
        for vertex in range(n):
            mine = [x for x, edge in zip(indices, edges, strict=True) if vertex in edge]
            term *= (radial[:, graph.mu[vertex]] * np.prod(unit[:, mine], axis=1)).sum()
        total += term
    return total


def test_products_give_the_full_contractions():
    radial, unit = surroundings()
    found = products_of_level(16)
    values = scalars(found.basic, found.rows, found.scalars, radial, unit)
    expected = [
        np.prod([full_contraction(graph, radial, unit) for graph in parts]) for parts in contractions(16)
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-11)


@pytest.mark.skipif(DATA is None, reason="ATOMSMITH_DATA is unset")
@pytest.mark.parametrize(("element", "level"), [("Mo", 20), ("Si", 24)])
def test_the_set_is_that_of_published_potentials(element, level):
    path = Path(DATA) / "golden/potentials" / element / "mtp/fitted.mtp"
    part = read_mtp(path, [element]).plan["parts"][1]
    rows = np.column_stack([part["products"][:, :2], part["weight"], part["products"][:, 2]])
    radial, unit = surroundings(1)
    theirs = np.sort(scalars(part["basic"], rows, part["scalars"], radial, unit))
    own = products_of_level(level)
    ours = np.sort(scalars(own.basic, own.rows, own.scalars, radial, unit))
    np.testing.assert_allclose(ours, theirs, rtol=1e-11)


def test_graphs_differ_by_more_than_the_names_of_their_vertices():
    graphs = connected_graphs(16, 4)
    assert len(set(graphs)) == len(graphs)
    path, star = Graph((0, 0, 0, 0), (1, 0, 1, 0, 0, 1)), Graph((0, 0, 0, 0), (1, 1, 0, 1, 0, 0))
    n_edges = sorted(graph.edges for graph in graphs if graph.mu == (0, 0, 0, 0) and sum(graph.edges) == 3)
    assert len(n_edges) == 2
    for shape in (path, star):
        degrees = sorted(sum(shape.multiplicity(i, j) for j in range(4)) for i in range(4))
        assert any(
            sorted(sum(Graph((0,) * 4, e).multiplicity(i, j) for j in range(4)) for i in range(4)) == degrees
            for e in n_edges
        )


@pytest.mark.parametrize("shared", [True, False])
def test_the_plan_is_what_the_oracle_says(shared):
    settings = MomentsSettings(kind="moments", level=10, cutoff=3.4, shared=shared)
    part = build_moments(settings, [8, 1], np.full((2, 2), 1.2))
    assert part.part["n_features"] == len(part.info) == moments_size(settings, 2)
    plan = {"elements": [8, 1], "parts": [part.part]}
    systems = environments(3, [8, 1], 5)
    expected = Oracle(plan, systems).features()
    found = PlanEvaluator(plan).features(systems)
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-12 * np.abs(expected).max())


def test_neighbours_of_different_elements_are_told_apart():
    part = build_moments(MomentsSettings(kind="moments", level=8), [8, 1], np.full((2, 2), 1.2))
    place = np.array([[0.0, 0.0, 0.0], [1.2, 0.3, 0.0], [0.0, -1.1, 0.5]])
    evaluator = PlanEvaluator({"elements": [8, 1], "parts": [part.part]})
    first = evaluator.features(isolated([8, 1, 8], [place]))[0]
    second = evaluator.features(isolated([8, 8, 1], [place]))[0]
    assert np.abs(first - second).max() > 1e-3 * np.abs(first).max()


def test_a_known_moment_tensor_potential_is_found_again(tmp_path):
    rng = np.random.default_rng(2)
    term = TermSettings(descriptor=MomentsSettings(kind="moments", level=8, cutoff=4.0, min_distance=1.5))
    settings = PotentialSettings(
        model=ModelSettings(terms=(term,), repulsion=None),
        committee=0,
        solver={"kind": "ridge", "strength": 1e-18},
    )
    configurations = []
    for _ in range(12):
        cell = 4.4 * np.eye(3) + 0.2 * rng.normal(size=(3, 3))
        fractional = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
        positions = fractional @ cell + 0.15 * rng.normal(size=(4, 3))
        configurations.append(Configuration(np.full(4, 14), positions, cell, np.ones(3, bool)))
    model = build_moments(term.descriptor, [14], np.array([[2.2]]))
    plan = {"elements": [14], "parts": [{"kind": "e0", "n_features": 1}, model.part]}
    truth = Potential((14,), plan, model.info, np.concatenate([[-3.0], 0.1 * rng.normal(size=9)]))
    predicted = truth.predict(configurations)
    labelled = []
    for k, configuration in enumerate(configurations):
        labelled.append(
            replace(configuration, energy=predicted.energy[k], forces=predicted.forces[4 * k : 4 * k + 4])
        )
    found = fit(Dataset(labelled[:9]), settings)
    again = found.predict(configurations[9:])
    np.testing.assert_allclose(again.energy, predicted.energy[9:], rtol=1e-5)
    np.testing.assert_allclose(
        again.forces, predicted.forces[36:], atol=1e-4 * np.abs(predicted.forces).max()
    )
    found.save(tmp_path / "potential.json")
    loaded = Potential.load(tmp_path / "potential.json").predict(configurations[9:])
    np.testing.assert_array_equal(loaded.forces, again.forces)
