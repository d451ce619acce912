"""Moment tensors and their polynomials straight from Shapeev, Multiscale Model. Simul. 14, 1153 (2016)."""

import numpy as np


def chebyshev_radial(table, pair, r):
    """Envelope times sum_k c_k T_k(x), shape (P, n); zero beyond the cutoff."""
    cutoff, inner = table["cutoff"][pair], table["inner"][pair]
    inside = (r.real < cutoff)[:, None]
    if table.get("clamped"):
        r = np.where(r.real > inner, r, inner)
    envelope = (r - cutoff) ** table.get("outer_power", 2) / (r**2 if table.get("inverse_square") else 1.0)
    x = (2.0 * r - inner - cutoff) / (cutoff - inner)
    polynomials = [np.ones_like(x), x]
    while len(polynomials) < table["size"]:
        polynomials.append(2.0 * x * polynomials[-1] - polynomials[-2])
    basis = np.stack(polynomials[: table["size"]], axis=-1) * envelope[:, None]
    coefficients = np.reshape(table["coefficients"], (-1, table["n"], table["size"]))[pair]
    return np.where(inside, np.einsum("pk,pnk->pn", basis, coefficients), 0.0)


def moment_features(part, n_elements, species, i, j, vectors):
    """Features of every atom, shape (N, n_features)."""
    r = np.sqrt(np.sum(vectors**2, axis=-1))
    unit = vectors / r[:, None]
    radial = chebyshev_radial(part["radial"], species[i] * n_elements + species[j], r)
    mu, a, b, c = np.asarray(part["basic"]).T
    phi = radial[:, mu] * unit[:, [0]] ** a * unit[:, [1]] ** b * unit[:, [2]] ** c
    n_values = max(len(mu), int(part["products"][:, 2].max(initial=-1)) + 1)
    values = np.zeros((len(species), n_values), dtype=vectors.dtype)
    np.add.at(values[:, : len(mu)], i, phi)
    for (first, second, target), weight in zip(part["products"], part["weight"], strict=True):
        values[:, target] += weight * values[:, first] * values[:, second]
    features = np.zeros((len(species), part["n_features"]), dtype=vectors.dtype)
    for z in range(n_elements):
        begin = part["first_feature"][z]
        own = np.ix_(species == z, np.arange(begin, begin + len(part["scalars"])))
        features[own] = values[species == z][:, part["scalars"]]
    return features
