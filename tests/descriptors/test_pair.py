import numpy as np

from atomsmith.descriptors import FeatureInfo, PairSettings, build_pair, evaluate_radial, pair_size
from oracle.ace_numpy import Oracle
from oracle.environments import isolated


def test_both_orders_of_a_pair_share_features():
    built = build_pair(PairSettings(degree=3), (8, 1), default_cutoff=4.0)
    part = built.part
    first = part["first_feature"].reshape(2, 2)
    assert first[0, 1] == first[1, 0]
    assert sorted({*first.ravel().tolist()}) == [0, 4, 8]
    assert part["n_features"] == len(built.info) == pair_size(PairSettings(degree=3), 2) == 12
    assert built.info.labels[first[0, 1] + 2] == "O-H n2"


def test_feature_is_the_sum_over_neighbours():
    built = build_pair(PairSettings(degree=3, cutoff=3.0), (8, 1))
    systems = isolated([8, 1, 1], [np.array([[0, 0, 0], [0, 0, 1.0], [0, 1.7, 0]])])
    features = Oracle({"elements": [8, 1], "parts": [built.part]}, systems).features()
    values = evaluate_radial(built.part["radial"], 1, np.array([1.0, 1.7]))[0]
    oh = slice(*(built.part["first_feature"][1] + [0, 4]))
    np.testing.assert_allclose(features[0, oh], values.sum(axis=0), rtol=1e-13)
    np.testing.assert_allclose(features[1, oh], values[0], rtol=1e-13)


def test_cutoff_defaults_to_that_of_the_other_descriptors():
    assert np.all(build_pair(PairSettings(), (14,), default_cutoff=6.5).part["radial"]["cutoff"] == 6.5)
    assert np.all(build_pair(PairSettings(cutoff=7.0), (14,)).part["radial"]["cutoff"] == 7.0)


def test_penalty_grows_with_degree_and_joins():
    info = build_pair(PairSettings(degree=4, smoothness_power=2.0), (14,)).info
    np.testing.assert_allclose(info.smoothness, [1, 2, 5, 10, 17])
    joined = FeatureInfo.concatenate([info, info])
    assert len(joined) == len(joined.order) == len(joined.elements) == 10
    assert len(FeatureInfo.concatenate([])) == 0
