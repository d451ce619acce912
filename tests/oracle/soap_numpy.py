"""Power spectra straight from Bartok, Kondor, Csanyi, Phys. Rev. B 87, 184115 (2013), and quintic tables."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

import numpy as np

from atomsmith.descriptors.harmonics import real_spherical_harmonics


def quintic_radial(table, pair, r):
    """The polynomial of degree 5 of each bin with its nodes' values, slopes, curvatures, shape (P, n)."""
    which, cutoff, width = (table[key][pair] for key in ("table", "cutoff", "width"))
    bins = table["bins"][which]
    nodes = table["nodes"][sum(len(_nodes(table, k)) for k in range(which)) :]
    x = r * (bins / cutoff)
    k = np.minimum(x.real.astype(int), bins - 1)
    t = (x - k)[:, None]
    # Each break begins a new list of nodes, at the bin that it is in.
    for place in _breaks(table, which):
        k = k + 2 * (r.real >= place)
    # Taylor polynomial at the left node, and what the right node asks for beyond it.
    value = nodes[k, 0] + t * nodes[k, 1] + 0.5 * t**2 * nodes[k, 2]
    rest = nodes[k + 1, 0] - nodes[k, 0] - nodes[k, 1] - 0.5 * nodes[k, 2]
    slope = nodes[k + 1, 1] - nodes[k, 1] - nodes[k, 2]
    curvature = nodes[k + 1, 2] - nodes[k, 2]
    value += t**3 * (10 * rest - 4 * slope + 0.5 * curvature)
    value += t**4 * (-15 * rest + 7 * slope - curvature)
    value += t**5 * (6 * rest - 3 * slope + 0.5 * curvature)
    inside = r.real < cutoff
    if width > 0.0:
        phase = np.where(r.real > cutoff - width, (r - cutoff + width) / width, 0.0)
        value = value * (0.5 + 0.5 * np.cos(np.pi * phase))[:, None]
    return np.where(inside[:, None], value, 0.0)


def _breaks(table, which):
    """Distances at which the functions of a table become others."""
    cutoff = table["cutoff"][list(table["table"]).index(which)]
    return [place for place in table["breaks"][which] if place < cutoff] if "breaks" in table else []


def _nodes(table, which):
    """Indices of a table's nodes: two more for every break."""
    return range(table["bins"][which] + 1 + 2 * len(_breaks(table, which)))


def power_spectrum(part, n_elements, species, i, j, vectors):
    """Features of every atom, shape (N, n_features)."""
    r = np.sqrt(np.sum(vectors**2, axis=-1))
    l_max, table = part["l_max"], part["radial"]
    n = table["n"] // (l_max + 1)
    radial = np.zeros((len(r), table["n"]), dtype=vectors.dtype)
    pairs = species[i] * n_elements + species[j]
    for pair in np.unique(pairs):
        radial[pairs == pair] = quintic_radial(table, int(pair), r[pairs == pair])
    harmonics = real_spherical_harmonics(l_max, vectors / r[:, None])
    density = np.zeros((len(species), n_elements, n, (l_max + 1) ** 2), dtype=vectors.dtype)
    for l in range(l_max + 1):
        lm = slice(l * l, (l + 1) ** 2)
        phi = radial[:, l * n : (l + 1) * n, None] * harmonics[:, None, lm]
        np.add.at(density[..., lm], (i, species[j]), phi)
    density[..., 0] += np.reshape(part["self"], (n_elements, n_elements, n))[species]
    rows = density.reshape(len(species), n_elements * n, -1)
    if "mixing" in part:
        rows = np.einsum("ac,icm->iam", part["mixing"], rows)
    a, b = np.asarray(part["products"]).T
    values = [
        part["weight"][:, l] * np.sum(rows[:, a, l * l : (l + 1) ** 2] * rows[:, b, l * l : (l + 1) ** 2], -1)
        for l in range(l_max + 1)
    ]
    p = np.stack(values, axis=-1).reshape(len(species), -1)
    if part["normalised"]:
        norm = np.sqrt(np.sum(p**2, axis=1, keepdims=True))
        p = p / np.where(norm.real <= part.get("least_norm", 0.0), 1.0, norm)
    if part["sigma"] > 0.0:
        p = np.concatenate([p, np.full((len(p), 1), part["sigma"])], axis=1)
    features = np.zeros((len(species), n_elements, p.shape[1]), dtype=vectors.dtype)
    features[np.arange(len(species)), species] = p
    return features.reshape(len(species), -1)
