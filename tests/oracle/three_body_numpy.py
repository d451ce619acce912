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
    q = np.stack([r[a] + r[b], (r[a] - r[b]) ** 2, np.sqrt(np.sum((d[a] - d[b]) ** 2, axis=1))], axis=1)
    pair = np.sort(np.stack([species[a], species[b]], axis=1), axis=1)
    values = []
    for kernel in part["kernels"]:
        f = _switch(kernel["cutoff"], kernel["width"], r)
        wanted = np.zeros(len(a), bool)
        for centre, first, second in np.reshape(kernel["triplets"], (-1, 3)):
            wanted |= (centre == z) & (pair == (first, second)).all(axis=1)
        x = (q[:, None] - np.reshape(kernel["points"], (-1, 3))) / np.asarray(kernel["length"])
        values.append((wanted * f[a] * f[b]) @ np.exp(-0.5 * np.sum(x * x, axis=2)))
    return np.concatenate(values)


def _switch(cutoff, width, r):
    value = np.ones_like(r)
    if width > 0.0:
        t = np.where(r.real > cutoff - width, (r - cutoff + width) / width, 0.0)
        value = 0.5 * (1.0 + np.cos(np.pi * t))
    return np.where(r.real < cutoff, value, 0.0)
