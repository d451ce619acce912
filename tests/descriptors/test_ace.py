from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from atomsmith.descriptors import AceSettings, ace_size, build_ace, degree_for
from atomsmith.descriptors.invariants import count_invariants
from atomsmith.errors import InputError
from oracle.ace_numpy import Oracle
from oracle.environments import environments, isolated

WATER = (8, 1)
SMALL = AceSettings(
    cutoff=4.0,
    correlation_order=4,
    degree=[4, 5, 4, 4],
    first_order=True,
    radial={"inner_fractions": (0.0, 0.0)},
)


@cache
def small_plan():
    return {"elements": list(WATER), "parts": [build_ace(SMALL, WATER).part]}


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_features_do_not_change_under_rotation_inversion_permutation_translation(seed, invert):
    systems = environments(seed, WATER, 1)
    rotation = Rotation.random(random_state=seed).as_matrix() * (-1.0 if invert else 1.0)
    order = np.random.default_rng(seed).permutation(systems.n_atoms)
    moved = systems.replace(
        positions=(systems.positions @ rotation.T + [1.0, -2.0, 0.5])[order], numbers=systems.numbers[order]
    )
    before, after = (Oracle(small_plan(), s).features() for s in (systems, moved))
    np.testing.assert_allclose(after, before[order], atol=1e-12 * np.abs(before).max())


def test_features_are_linearly_independent():
    size = ace_size(SMALL, 2) // 2
    systems = environments(0, WATER, 2 * size)
    first = systems.first[:-1]
    for z, number in enumerate(WATER):
        numbers = systems.numbers.copy()
        numbers[first] = number
        features = Oracle(small_plan(), systems.replace(numbers=numbers)).features()[first]
        own = features[:, z * size : (z + 1) * size]
        assert np.all(np.delete(features, np.s_[z * size : (z + 1) * size], axis=1) == 0.0)
        scaled = own / np.linalg.norm(own, axis=0)
        singular = np.linalg.svd(scaled, compute_uv=False)
        assert len(singular) == size
        assert singular[-1] > 1e-9 * singular[0]  # dependent columns give 1e-16


def test_features_tell_angles_apart():
    bond = np.array([[0.0, 0, 0], [1.2, 0, 0]])
    angles = [np.vstack([bond, [1.5 * np.cos(a), 1.5 * np.sin(a), 0.0]]) for a in (1.0, 1.9)]
    features = Oracle(small_plan(), isolated([8, 1, 1] * 2, angles)).features()[[0, 3]]
    assert np.abs(features[0] - features[1]).max() > 1e-3


def test_size_is_the_sum_of_counts_and_of_the_build():
    part, info = (built := build_ace(SMALL, WATER)).part, built.info
    assert part["n_features"] == len(info) == ace_size(SMALL, 2)
    assert sum(centre["n_features"] for centre in part["centres"]) == part["n_features"]
    # one element and one order, by hand: l = 0 pairs (n, n') with n + n' <= 3; l = 1 pairs with n + n' <= 1
    tiny = AceSettings(correlation_order=2, degree=[0, 3])
    expected = 6 * count_invariants((0, 0), (0, 1)) + 2 * count_invariants((1, 1), (0, 1))
    assert ace_size(tiny, 1) == expected == 8


def test_default_size_for_one_element():
    assert 300 <= ace_size(AceSettings(), 1) <= 500


@pytest.mark.parametrize(("n_elements", "wanted"), [(1, 400), (3, 1500), (2, 30)])
def test_degree_for_is_the_largest_that_fits(n_elements, wanted):
    degree = degree_for(AceSettings(), n_elements, wanted)
    assert ace_size(AceSettings().with_degree(degree), n_elements) <= wanted
    assert ace_size(AceSettings().with_degree(degree + 0.5), n_elements) > wanted


def test_a_basis_sized_by_the_data_favours_angles_and_an_explicit_degree_does_not():
    assert AceSettings().angular_weight == AceSettings().with_degree(8.0).angular_weight == 0.5
    assert AceSettings(degree=8.0).angular_weight == 1.0
    assert AceSettings(weight_l=0.7).with_degree([0.0, 8.0, 6.0]).weight_l == 0.7


def test_degree_for_ends_when_caps_exhaust_the_basis():
    capped = AceSettings(correlation_order=2, l_max=1, n_max=2)
    full = ace_size(capped.model_copy(update={"degree": degree_for(capped, 1, 10**9)}), 1)
    assert full == 6 + 6  # symmetric pairs of three n, for l = 0 and l = 1


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_plan_keeps_its_contract(order):
    chosen = SMALL.model_copy(update={"correlation_order": order, "degree": [4, 5, 4, 4][:order]})
    part = build_ace(chosen, WATER).part
    count = part["radial_count"]
    n_channels = 2 * int(np.sum((2 * np.arange(part["l_max"] + 1) + 1) * count))
    assert part["radial"]["n"] == count.max()
    assert len(count) == part["l_max"] + 1 == len(part["radial_first"])
    for centre in part["centres"]:
        nodes, terms = centre["nodes"], centre["terms"]
        assert np.all(nodes < n_channels + np.arange(len(nodes))[:, None])
        assert np.all(nodes >= 0)
        assert np.all(terms[:, 1] <= terms[:, 0])
        assert np.all(terms[:, 0] < n_channels + len(nodes))
        assert np.all(np.lexsort((terms[:, 1], terms[:, 0])) == np.arange(len(terms)))
        assert len(np.unique(terms, axis=0)) == len(terms)
        assert set(range(n_channels, n_channels + len(nodes))) <= set(terms.ravel().tolist())
        start, term = centre["feature_start"], centre["feature_term"]
        assert start[0] == 0
        assert np.all(np.diff(start) > 0)
        assert start[-1] == len(term) == len(centre["feature_coefficient"])
        assert set(term.tolist()) == set(range(len(terms)))
        assert all(array.dtype == np.int32 for array in (nodes, terms, start, term))


def test_features_describe_themselves():
    info = build_ace(AceSettings(degree=4, correlation_order=2), WATER).info
    assert info.labels[0] == "O: (O n0 l0) (O n0 l0)"
    assert info.elements[0] == (8, 8, 8)
    assert info.elements[-1][0] == 1
    assert np.all(info.order == 2)
    assert info.degree.max() == 4.0
    index = info.labels.index("O: (O n1 l1) (H n0 l1)")
    assert info.degree[index] == 3.0
    assert info.smoothness[index] == 1.0 + 2.0**2 + 1.0**2
    assert info.smoothness.min() == 1.0


def test_elements_restrict_centres_and_neighbours():
    part = build_ace(AceSettings(degree=4, elements=["O"]), (1, 8)).part
    assert [centre["n_features"] for centre in part["centres"]] == [0, part["n_features"]]
    systems = environments(4, (1,), 1)
    numbers = systems.numbers.copy()
    numbers[0] = 8
    plan = {"elements": [1, 8], "parts": [part]}
    assert np.all(Oracle(plan, systems.replace(numbers=numbers)).features() == 0.0)


@pytest.mark.parametrize(("changes", "message"), [
    ({"degree": [3.0, 3.0]}, "degree has 2 values, but correlation_order is 3"),
    ({"correlation_order": 1}, "no function has the orders and degrees asked for"),
    ({"elements": ["He"]}, "names He, but the elements here are O, H"),
    ({"elements": ["Q"]}, "'Q' is not the symbol of an element"),
    ({"max_functions": 500}, r"more than max_functions, 500; degree 5.5 keeps below it"),
])  # fmt: skip
def test_bad_settings_are_refused_with_a_sentence(changes, message):
    with pytest.raises(InputError, match=message):
        build_ace(AceSettings(**changes), WATER)


def test_a_basis_beyond_all_memory_is_refused_before_it_is_listed():
    with pytest.raises(InputError, match="asks for more than 500000 products of functions; lower degree"):
        build_ace(AceSettings(correlation_order=4, degree=60), WATER)
