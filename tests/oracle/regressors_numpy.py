"""Regressors in a few lines of NumPy, analytic in the features, as the oracle of the engine's."""

import numpy as np

from atomsmith.descriptors.base import features_of_centres

ACTIVATIONS = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "softplus": lambda x: np.log(1.0 + np.exp(x)),
    "silu": lambda x: x / (1.0 + np.exp(-x)),
    "logistic": lambda x: 1.0 / (1.0 + np.exp(-x)),
    "reverse_logistic": lambda x: 1.0 - 1.0 / (1.0 + np.exp(-x)),
    "relu": lambda x: np.where(x.real > 0.0, x, 0.0),
    "gaussian": lambda x: np.exp(-x * x / 2.0),
    "cosine": np.cos,
    "exponential": lambda x: np.exp(-x),
    "harmonic": lambda x: x * x,
}


def is_linear(part):
    """Whether outputs are the features; an embedding without outputs is what no coefficient changes."""
    kind = part.get("regressor", {"kind": "linear"})["kind"]
    return kind == "linear" or (kind == "embedding" and part["n_features"] == 0)


def descriptor_of(part, n_elements):
    """The part without its regressor, and the columns of each centre's features (docs/architecture.md)."""
    columns = features_of_centres(part, n_elements)
    if is_linear(part):
        return part, columns
    n = max((int(own[-1]) + 1 for own in columns if len(own)), default=0)
    return {key: part[key] for key in part if key != "regressor"} | {"n_features": n}, columns


def outputs(part, columns, species, features):
    """Outputs of every atom, shape (N, n_features), from the features of the descriptor."""
    regressor = part.get("regressor", {"kind": "linear"})
    if is_linear(part):
        return features
    out = np.zeros((len(features), part["n_features"]), dtype=features.dtype)
    first, known = 0, {}
    for z, own in enumerate(columns):
        values = features[np.ix_(species == z, own)]
        if regressor["kind"] == "network":
            made = _networks(regressor["centres"][z], regressor["networks"], values)
            start = 0
        elif regressor["kind"] == "embedding":
            made = _embeddings(regressor["centres"][z], values)
            start = 0
        elif regressor["kind"] == "kernel":
            centre = regressor["centres"][z]
            if "scale" in centre:
                values = (values - centre["shift"]) * centre["scale"]
                values = np.concatenate([values, np.ones((len(values), 1))], axis=1)
                values = values / np.sqrt(np.sum(values**2, axis=1, keepdims=True))
            products, zeta = values @ centre["points"].T, regressor["zeta"]
            whole = zeta == round(zeta)
            made = products**zeta if whole else np.where(products.real > 0.0, products, 0.0) ** zeta
            start, first = first, first + made.shape[1]
        else:
            k, m = np.triu_indices(values.shape[1])
            products = values[:, k] * values[:, m] * np.where(k == m, 0.5, 1.0)  # half a square, as LAMMPS
            made = np.concatenate([values, products], axis=1)
            shared = tuple(own)
            start = known.setdefault(shared, first) if shared else first
            first = max(first, start + made.shape[1])
        out[species == z, start : start + made.shape[1]] = made
    return out


def _networks(centre, count, features):
    inputs = (features - centre["shift"]) * centre["scale"]
    energies = []
    for k in range(count):
        values = inputs
        for layer in centre["layers"]:
            values = _activation(layer)(values @ layer["weights"][k].T + layer["bias"][k])
        energies.append(values[:, 0])
    return np.stack(energies, axis=1)


def _embeddings(centre, features):
    energies = []
    for coefficients in centre["coefficients"]:
        densities = features @ coefficients.T
        energies.append(
            sum(
                prefactor * _function(centre["function"], densities[:, p], m)
                for p, (prefactor, m) in enumerate(zip(centre["prefactor"], centre["exponent"], strict=True))
            )
        )
    return np.stack(energies, axis=1)


def _function(name, density, m):
    sign = np.where(density.real < 0.0, -1.0, 1.0)
    x = sign * density
    if name == "finnis_sinclair":
        steep = 1e6 * x
        g = np.exp(-(steep**3))
        return sign * ((1.0 - g) * x**m + g * 1e6 ** (1.0 - m) * x)
    if m == 1.0:
        return density
    n, decay = 1.0 / m, np.exp(-x)
    return sign * ((x + n ** (n / (1.0 - n)) * decay) ** m - n ** (1.0 / (1.0 - n)) * decay)


def _activation(layer):
    if layer["activation"] == "tanh_linear":
        return lambda x: np.tanh(x) + layer["gamma"] * x
    return ACTIVATIONS[layer["activation"]]
