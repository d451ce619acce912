"""Symmetry functions straight from Behler, J. Chem. Phys. 134, 074106 (2011), one atom after the other."""

from functools import cache

import numpy as np


@cache
def smoothstep(n):
    """Integral of x^n (1 - x)^n, over that from 0 to 1."""
    x = np.polynomial.Polynomial([0.0, 1.0])
    integral = (x**n * (1.0 - x) ** n).integ()
    return integral / integral(1.0)


def fade(kind, inner, cutoff, r):
    """Cutoff function of distances (also complex ones with small imaginary parts); zero beyond the cutoff."""
    x = (r - inner * cutoff) / (cutoff - inner * cutoff)
    with np.errstate(divide="ignore", over="ignore"):
        if kind == "hard":
            value = np.ones_like(r)
        elif kind in ("tanh", "tanh_free"):
            value = np.tanh(1.0 - r / cutoff) ** 3 / (np.tanh(1.0) ** 3 if kind == "tanh" else 1.0)
        elif kind == "cosine":
            value = 0.5 * (1.0 + np.cos(np.pi * x))
        elif kind == "exponential":
            value = np.exp(1.0 - 1.0 / (1.0 - np.where(x.real < 1.0, x, 0.0) ** 2))
        else:
            step = smoothstep(int(kind[-1]))
            value = 1.0 - step(x)
    if kind not in ("tanh", "tanh_free"):
        value = np.where(x.real < 0.0, 1.0, value)
    return np.where(r.real < cutoff, value, 0.0)


def compact(core, low, high, x, asymmetric=False):
    """From 1 in the middle of two ends to 0 at both."""
    x = (x - 0.5 * (low + high)) * 2.0 / (high - low)
    x = np.where(x.real < 0.0, -x, x)
    x = np.where(x.real < 1.0, x, 1.0)
    if asymmetric:
        x = (2.0 - x) * x
    kind = "exponential" if core == 5 else f"polynomial_{core}"
    return fade(kind, 0.0, 1.0, x)


def symmetry_features(part, n_elements, species, i, j, vectors):
    """Features of every atom, shape (N, n_features)."""
    sizes = [len(centre["order"]) for centre in part["centres"]]
    first = np.concatenate([[0], np.cumsum(sizes)])
    features = np.zeros((len(species), part["n_features"]), dtype=vectors.dtype)
    for atom, z in enumerate(species):
        own = i == atom
        features[atom, first[z] : first[z + 1]] = _of_atom(
            part, part["centres"][z], species[j[own]], vectors[own]
        )
    return features


def _of_atom(part, centre, species, d):
    r = np.sqrt(np.sum(d * d, axis=1))
    a, b = np.triu_indices(len(d), 1)
    cosine = np.sum(d[a] * d[b], axis=1) / (r[a] * r[b])
    between = np.sqrt(np.sum((d[a] - d[b]) ** 2, axis=1))
    pair = np.sort(np.stack([species[a], species[b]]), axis=0)

    @cache
    def near(eta, shift, cutoff, core, low):
        def of(distance):
            if core:
                return compact(core % 8, low, cutoff, distance, asymmetric=core >= 8)
            gaussian = np.exp(-eta * (distance - shift) ** 2)
            return gaussian * fade(part["cutoff_function"], part["cutoff_inner"], cutoff, distance)

        return of(r), of(between)

    values = []
    for k in range(len(centre["order"])):
        first, second, cutoff, eta, shift, sign, zeta = (
            centre[name][k] for name in ("first", "second", "cutoff", "eta", "shift", "lambda", "zeta")
        )
        core, low = (centre[name][k] if "core" in centre else 0 for name in ("core", "low"))
        f, f_between = near(eta, shift, cutoff, core, low)
        if first < 0:
            f = part["weight"][species] * f
        if centre["order"][k] == 1:
            values.append(np.sum(f[(species == first) | (first < 0)]))
            continue
        wanted = (pair == np.sort([first, second])[:, None]).all(axis=0) | (first < 0)
        base = 1.0 + sign * cosine
        power = np.where(base.real > 0.0, base, 0.0) ** zeta
        if core:
            angle = np.arccos(np.where(np.abs(cosine.real) < 1.0, cosine, np.sign(cosine.real)))
            power = compact(core % 8, centre["angle_low"][k], centre["angle_high"][k], angle)
        term = np.where(wanted, power, 0.0) * f[a] * f[b]
        if centre["narrow"][k]:
            term = term * f_between
        values.append(2.0 ** (1.0 - zeta) * np.sum(term))
    return np.array(values)
