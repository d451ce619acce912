"""What one pass over the data says of a descriptor: the spread of its features, and the best linear density.

With it come the scale of the prior and the densities that a fit begins with.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from atomsmith.evaluator import DescriptorRows
from atomsmith.fitting.rows.factor import TriangularFactor
from atomsmith.fitting.solvers.prior import Prior, standardised
from atomsmith.fitting.solvers.registry import Evidence, solve
from atomsmith.fitting.trainers.embedding.rows import Layout, rows_and_jacobian
from atomsmith.systems import BoolArray, FloatArray, IntArray

SPREAD = 0.3
"""Standard deviation over atoms of the densities that a fit begins with; their mean is -1."""


@dataclass(frozen=True, eq=False)
class Survey:
    """Features of all atoms, and the linear problem that they make.

    Attributes
    ----------
    layout
        One linear density.
    features
        Triangular factors of the features of the atoms, by species.
    linear
        Weighted rows.
    force_norms
        Norm of the force rows of each feature of the descriptor, shape (n,).
    """

    layout: Layout
    features: Sequence[TriangularFactor]
    linear: TriangularFactor
    force_norms: FloatArray

    @classmethod
    def of(
        cls,
        columns: tuple[IntArray, ...],
        n_features: int,
        data: Iterable[tuple[DescriptorRows, IntArray, FloatArray, FloatArray]],
    ) -> Survey:
        """Look at configurations: rows of the descriptor, species, labels and scales of their rows."""
        layout = Layout(columns, (1.0,))
        features = [TriangularFactor(max(len(own), 1)) for own in columns]
        linear = TriangularFactor(layout.n_parameters)
        squares = np.zeros(n_features)
        nothing = np.zeros(layout.n_parameters)
        for rows, species, labels, scales in data:
            _, jacobian = rows_and_jacobian(rows, species, layout, nothing)
            linear.fold(jacobian, labels, scales)
            forces = slice(1, len(labels) - 6)
            norms = np.square(jacobian[forces] * scales[forces, None]).sum(axis=0)
            for z, own in enumerate(columns):
                if len(own):
                    squares[own] += norms[layout.place(z, 0)]
                    values = rows.features[species == z][:, : len(own)]
                    features[z].fold(values, np.ones(len(values)))
        return cls(layout, features, linear, np.sqrt(squares))

    def penalty(self, smoothness: FloatArray, scaled: bool) -> FloatArray:
        """Shape of the prior of the features' coefficients, shape (n,).

        Parameters
        ----------
        smoothness
            What the descriptor says of them.
        scaled
            Whether it leaves the scale of its features to the data.
        """
        return smoothness * standardised(self.force_norms) if scaled else smoothness

    def start(self, layout: Layout, penalty: FloatArray, held: BoolArray, seed: int) -> FloatArray:
        """Parameters to begin with: the best linear density, and others like coordination numbers.

        The others are -1 for a mean atom by coefficients that the prior likes best, so that functions with
        exponents below one lower the energy as bonds do, and spread along directions drawn at random.

        Parameters
        ----------
        layout
            All densities.
        penalty
            See `penalty`.
        held
            Offsets that are known to be 0, shape (n_species,).
        seed
            Of the directions.
        """
        shape = self.layout.repeated(penalty)
        shape[self.layout.n_coefficients :] = np.where(held, np.inf, 0.0)
        best = solve(self.linear, Prior.create(shape), Evidence()).coefficients
        rng = np.random.default_rng((seed, 505))
        found = np.zeros(layout.n_parameters)
        linear = [p for p, exponent in enumerate(layout.exponents) if exponent == 1.0]
        if linear:
            layout.offsets(found)[:] = self.layout.offsets(best)
        for z, own in enumerate(layout.columns):
            if not len(own) or self.features[z].n_rows == 0:
                continue
            densities = layout.of_species(found, z)
            for p in range(len(layout.exponents)):
                densities[p] = self._like_a_coordination_number(z, penalty[own], rng)
            for p in linear:
                densities[p] = self.layout.of_species(best, z)[0] / len(linear)
        return found

    def _like_a_coordination_number(
        self, species: int, penalty: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        factor = self.features[species]
        # The mean over atoms is the product with the targets, which are all one.
        r, mean = factor.r, factor.r.T @ factor.qty / factor.n_rows
        like = mean / penalty**2
        if not like @ mean > 0.0:
            return like
        like /= like @ mean
        direction = rng.normal(size=len(mean)) / penalty
        direction -= (direction @ mean) * like
        spread = np.linalg.norm(r @ direction) / np.sqrt(factor.n_rows)
        density: FloatArray = -like + (SPREAD / spread if spread > 0.0 else 0.0) * direction
        return density

    def damper(self, layout: Layout) -> FloatArray:
        """Rows D with |D d|^2 the mean square change of nonlinear densities by a change d of parameters.

        Densities are what a step may not change too much: coefficients of features that resemble each other
        may.
        """
        damper = np.zeros((layout.n_coefficients, layout.n_parameters))
        atoms = max(sum(f.n_rows for f in self.features), 1)
        for z, size in enumerate(layout.sizes):
            for p, exponent in enumerate(layout.exponents):
                own = layout.place(z, p)
                if exponent != 1.0 and size:
                    damper[own, own] = self.features[z].r / np.sqrt(atoms)
        return damper
