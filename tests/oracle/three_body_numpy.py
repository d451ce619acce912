"""Kernels of triplets straight from their formula (Bartok, Csanyi, 2015), one atom after the other."""

import numpy as np


def triplet_kernels(part, species, i, j, vectors):
    """Features of every atom, shape (N, n_features)."""
    features = np.zeros((len(species), part["n_features"]), dtype=vectors.dtype)
    for atom, z in enumerate(species):
        own = i == atom
        features[atom] = _of_atom(part, z, species[j[own]], vectors[own])
    return features


def _of_atom(part, z, species, d):
    r = np.sqrt(np.sum(d * d, axis=1))
    a, b = np.triu_indices(len(d), 1)
    far = np.sqrt(np.sum((d[a] - d[b]) ** 2, axis=1))
    values = []
    for kernel in part["kernels"]:
        f = _switch(kernel["cutoff"], kernel["width"], r)
        first, second, wanted = a.copy(), b.copy(), np.zeros(len(a), bool)
        for centre, one, two in np.reshape(kernel["triplets"], (-1, 3)):
            as_listed = (species[a] == one) & (species[b] == two)
            exchanged = (species[a] == two) & (species[b] == one)
            wanted |= (centre == z) & (as_listed | exchanged)
            turned = (centre == z) & exchanged & ~as_listed
            first[turned], second[turned] = b[turned], a[turned]
        values.append((wanted * f[a] * f[b]) @ _kernel(kernel, r[first], r[second], far))
    return np.concatenate(values)


def _kernel(kernel, r_ij, r_ik, r_jk):
    """Of every triplet with every point, shape (triplets, points)."""
    lengths, points = np.asarray(kernel["length"]), np.reshape(kernel["points"], (-1, 3))
    if "permutations" not in kernel:
        q = np.stack([r_ij + r_ik, (r_ij - r_ik) ** 2, r_jk], axis=1)
        return _gaussian(q[:, None] / lengths, points / lengths)
    q = np.stack([r_ij, r_ik, r_jk], axis=1) / lengths
    permutations = np.reshape(kernel["permutations"], (-1, 3))
    total = sum(_gaussian(q[:, None], points[:, p] / lengths) for p in permutations)
    return total / np.sqrt(sum(_gaussian(q[:, p], q) for p in permutations))[:, None]


def _gaussian(a, b):
    return np.exp(-0.5 * np.sum((a - b) ** 2, axis=-1))


def _switch(cutoff, width, r):
    value = np.ones_like(r)
    if width > 0.0:
        t = np.where(r.real > cutoff - width, (r - cutoff + width) / width, 0.0)
        value = 0.5 * (1.0 + np.cos(np.pi * t))
    return np.where(r.real < cutoff, value, 0.0)
