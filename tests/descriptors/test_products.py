import numpy as np
import pytest

from atomsmith.descriptors.products import build_products


def random_monomials(rng, n_channels, order, n):
    return np.unique(np.sort(rng.integers(n_channels, size=(n, order)), axis=1), axis=0).astype(np.int32)


@pytest.mark.parametrize("seed", range(4))
def test_every_term_is_its_monomial(seed):
    rng = np.random.default_rng(seed)
    n_channels = 7
    monomials = {order: random_monomials(rng, n_channels, order, 60) for order in (1, 2, 3, 4)}
    dag = build_products(monomials, n_channels)
    values = list(rng.normal(size=n_channels))
    for u, v in dag.nodes:
        values.append(values[u] * values[v])
    terms = np.array([values[u] * (values[v] if v >= 0 else 1.0) for u, v in dag.terms])
    for order, rows in monomials.items():
        expected = np.prod(np.array(values)[rows], axis=1)
        np.testing.assert_allclose(terms[dag.position[order]], expected, rtol=1e-13)
    assert sum(map(len, monomials.values())) == len(dag.terms)


def test_nodes_are_shared():
    """All triples (a, b, c) with c among many: one node (a, b) is enough."""
    rows = np.array([[0, 1, c] for c in range(2, 30)], dtype=np.int32)
    assert len(build_products({3: rows}, 30).nodes) == 1
    quads = np.array([[0, 1, c, d] for c in range(2, 8) for d in range(c, 8)], dtype=np.int32)
    assert len(build_products({4: quads}, 8).nodes) <= 1 + 21


def test_triples_reuse_the_nodes_of_quadruples():
    quads, triples = np.array([[0, 0, 1, 1]], dtype=np.int32), np.array([[0, 1, 1]], dtype=np.int32)
    alone = build_products({4: quads}, 2)
    assert len(build_products({3: triples, 4: quads}, 2).nodes) == len(alone.nodes)
