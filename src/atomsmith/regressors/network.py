"""The network regressor: E_i = N_z(B_i), a multilayer perceptron for every element, as ensembles.

Behler and Parrinello, Phys. Rev. Lett. 98, 146401 (2007). The members of an ensemble differ in their random
start; their mean is the potential and their spread its uncertainty.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from atomsmith.settings import Settings


class NetworkSettings(Settings):
    """Energies that neural networks make of the features; trained, then linear in the ensemble's members."""

    kind: Literal["network"] = Field(description="Name of the regressor.")
    hidden: tuple[Annotated[int, Field(ge=1, le=512)], ...] = Field(
        default=(16, 16), min_length=1, description="Neurons of the hidden layers of every element's network."
    )
    activation: Literal["tanh", "tanh_linear", "softplus", "silu"] = Field(
        default="tanh", description="Function of hidden neurons; tanh_linear is tanh(x) + gamma x."
    )
    gamma: float = Field(default=0.1, description="Slope of the linear part of tanh_linear.")
    members: int = Field(default=4, ge=1, le=64, description="Networks of the ensemble.")
    optimiser: Literal["lbfgs", "levenberg_marquardt", "adam"] = Field(
        default="lbfgs",
        description="lbfgs and levenberg_marquardt see all data in every step, adam sees them batch by "
        "batch. A step of levenberg_marquardt costs as much as some 70 of lbfgs.",
    )
    epochs: int | None = Field(
        default=None,
        ge=1,
        description="Most passes over the data for each member; by default 2000 of lbfgs, 100 of "
        "levenberg_marquardt and 300 of adam.",
    )
    held_out: float = Field(
        default=0.1,
        ge=0.0,
        lt=0.9,
        description="Share of the configurations that training does not see; it ends when they do not gain "
        "any more, and their best moment is kept. 0: training sees all and goes on to the last epoch.",
    )
    patience: int | None = Field(
        default=None,
        ge=1,
        description="Epochs without a gain on the held-out configurations until the end; by default a fifth "
        "of the most.",
    )
    weight_decay: float = Field(
        default=1e-5,
        ge=0.0,
        description="Penalty on the squared weights of the networks relative to the loss per row.",
    )
    learning_rate: float = Field(default=2e-3, gt=0.0, description="Of adam, at its largest.")
    batch_size: int = Field(default=8, ge=1, description="Configurations in a step of adam.")
