"""Multilayer perceptrons in JAX: energies, their derivatives by inputs, and both by the parameters.

Parameters of the networks of all elements stand in one flat vector: element by element, layer by layer, the
weights [out, in] and then the biases.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from atomsmith.errors import InputError
from atomsmith.regressors import NetworkSettings
from atomsmith.systems import BoolArray, FloatArray

ATOMS_AT_ONCE = 64
"""Atoms whose Jacobians are made together: numbers are padded to it, so that JAX compiles once."""


def load_jax() -> Any:
    """JAX in double precision on one processor.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        jax: Any = import_module("jax")
    except ImportError as error:
        raise InputError(
            f"Training a network needs JAX ({error}); run: pip install 'atomsmith[network]'."
        ) from error
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    return jax


@dataclass(frozen=True, eq=False)
class Perceptrons:
    """Networks of one member of an ensemble, one for each element.

    Attributes
    ----------
    n_inputs
        Features of each element; 0 for an element without a network.
    settings
        Hidden layers and their activation.
    """

    n_inputs: tuple[int, ...]
    settings: NetworkSettings

    def widths(self, element: int) -> tuple[int, ...]:
        """Inputs, hidden layers, output."""
        return (self.n_inputs[element], *self.settings.hidden, 1)

    def sizes(self, element: int) -> list[tuple[int, int]]:
        """Shapes (out, in) of the layers."""
        widths = self.widths(element)
        return list(zip(widths[1:], widths[:-1], strict=True))

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """Where the parameters of each element begin, and their end, shape (elements + 1,)."""
        counts = [sum(b * (a + 1) for b, a in self.sizes(z)) if n else 0 for z, n in enumerate(self.n_inputs)]
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    @property
    def n_parameters(self) -> int:
        """Parameters of all elements."""
        return int(self.first[-1])

    def layers(self, element: int, parameters: FloatArray) -> list[tuple[FloatArray, FloatArray]]:
        """Weights (out, in) and biases (out,) of the layers of an element, views of the flat parameters."""
        at, found = int(self.first[element]), []
        for out, inputs in self.sizes(element):
            weights = parameters[at : at + out * inputs].reshape(out, inputs)
            at += out * inputs
            found.append((weights, parameters[at : at + out]))
            at += out
        return found

    def start(self, rng: np.random.Generator) -> FloatArray:
        """Random parameters that keep the variance of standardised inputs (LeCun et al., 1998)."""
        parameters = np.zeros(self.n_parameters)
        for element, n in enumerate(self.n_inputs):
            for weights, bias in self.layers(element, parameters) if n else ():
                weights[...] = rng.normal(size=weights.shape) / np.sqrt(weights.shape[1])
                bias[...] = 0.1 * rng.normal(size=bias.shape)
        return parameters

    @cached_property
    def is_weight(self) -> BoolArray:
        """Which parameters are weights, not biases."""
        marks = np.zeros(self.n_parameters)
        for element, n in enumerate(self.n_inputs):
            for weights, _ in self.layers(element, marks) if n else ():
                weights[...] = 1.0
        found: BoolArray = marks > 0.0
        return found

    def plan(self, element: int, members: Sequence[FloatArray], mix: FloatArray) -> list[dict[str, Any]]:
        """Layers of the plan of an ensemble (docs/architecture.md), whose inputs are not mixed yet."""
        stacks = [self.layers(element, member) for member in members]
        for stack in stacks:
            stack[0] = (stack[0][0] @ mix, stack[0][1])
        last = len(self.settings.hidden)
        return [
            {
                "activation": self.settings.activation if k < last else "identity",
                "gamma": self.settings.gamma,
                "weights": np.stack([stack[k][0] for stack in stacks]),
                "bias": np.stack([stack[k][1] for stack in stacks]),
            }
            for k in range(last + 1)
        ]


class Derivatives:
    """Compiled functions of networks of one architecture; inputs are standardised features.

    Parameters
    ----------
    widths
        Shapes (out, in) of the layers.
    activation_name, gamma
        See `NetworkSettings`.

    Attributes
    ----------
    values
        (parameters (P,), inputs (n, D)) -> energies (n,) and their derivatives by the inputs (n, D).
    gradient
        (parameters, inputs, e (n,), v (n, D)) -> derivative (P,) of sum e E + sum v dE/dx by the parameters.
    """

    def __init__(self, widths: tuple[tuple[int, int], ...], activation_name: str, gamma: float) -> None:
        jax = load_jax()
        activation = _activation(jax, activation_name, gamma)

        def energy(parameters: Any, x: Any) -> Any:
            at = 0
            for k, (out, inputs) in enumerate(widths):
                weights = parameters[at : at + out * inputs].reshape(out, inputs)
                at += out * inputs
                x = weights @ x + parameters[at : at + out]
                at += out
                if k + 1 < len(widths):
                    x = activation(x)
            return x[0]

        value = jax.vmap(jax.value_and_grad(energy, argnums=1), in_axes=(None, 0))

        def both(parameters: Any, x: Any) -> Any:
            e, g = jax.value_and_grad(energy, argnums=1)(parameters, x)
            return jax.numpy.concatenate([e[None], g])

        def gradient(parameters: Any, x: Any, e: Any, v: Any) -> Any:
            _, back = jax.vjp(lambda p: value(p, x), parameters)
            return back((e, v))[0]

        self.values: Callable[..., Any] = jax.jit(value)
        self.gradient: Callable[..., Any] = jax.jit(gradient)
        self._jacobian = jax.jit(jax.vmap(jax.jacrev(both), in_axes=(None, 0)))

    @classmethod
    def of(cls, networks: Perceptrons, element: int) -> Derivatives:
        """Functions of the networks of an element; those of one architecture are compiled once."""
        settings = networks.settings
        return _compiled(tuple(networks.sizes(element)), settings.activation, settings.gamma)

    def jacobian(self, parameters: FloatArray, inputs: FloatArray) -> NDArray[np.float32]:
        """Derivatives of energy and dE/dx by the parameters, (n, 1 + D, P), in single precision."""
        found = []
        for start in range(0, len(inputs), ATOMS_AT_ONCE):
            some = inputs[start : start + ATOMS_AT_ONCE].astype(np.float32)
            padded = np.zeros((ATOMS_AT_ONCE, inputs.shape[1]), np.float32)
            padded[: len(some)] = some
            made = np.asarray(self._jacobian(parameters.astype(np.float32), padded))
            found.append(made[: len(some)])
        return np.concatenate(found)


@lru_cache(maxsize=32)
def _compiled(widths: tuple[tuple[int, int], ...], activation: str, gamma: float) -> Derivatives:
    return Derivatives(widths, activation, gamma)


def _activation(jax: Any, name: str, gamma: float) -> Callable[[Any], Any]:
    if name == "tanh_linear":
        return lambda x: jax.numpy.tanh(x) + gamma * x
    known: dict[str, Callable[[Any], Any]] = {
        "tanh": jax.numpy.tanh,
        "softplus": jax.nn.softplus,
        "silu": jax.nn.silu,
    }
    return known[name]
