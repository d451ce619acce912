"""Energy, forces and virial of an embedding and their derivatives by its coefficients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from atomsmith.evaluator import DescriptorRows
from atomsmith.regressors import embed, embed_curvature
from atomsmith.systems import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the parameters of a fit stand in one vector.

    First the coefficients of densities, species by species and density by density; then one energy for each
    species, which atoms have whatever their surroundings are.

    Attributes
    ----------
    columns
        Features of an atom of each species among those of the descriptor.
    exponents
        Of each density.
    """

    columns: tuple[IntArray, ...]
    exponents: tuple[float, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features of an atom of each species."""
        return tuple(len(own) for own in self.columns)

    @property
    def n_coefficients(self) -> int:
        """Coefficients of densities."""
        return sum(self.sizes) * len(self.exponents)

    @property
    def n_parameters(self) -> int:
        """Length of the vector."""
        return self.n_coefficients + len(self.columns)

    def first(self, species: int) -> int:
        """Where the densities of a species begin."""
        return sum(self.sizes[:species]) * len(self.exponents)

    def place(self, species: int, density: int) -> slice:
        """Where a density of a species stands."""
        size = self.sizes[species]
        return slice(self.first(species) + density * size, self.first(species) + (density + 1) * size)

    def of_species(self, parameters: FloatArray, species: int) -> FloatArray:
        """Coefficients of the densities of a species, shape (n_densities, n_features), a view."""
        start, shape = self.first(species), (len(self.exponents), self.sizes[species])
        return parameters[start : start + shape[0] * shape[1]].reshape(shape)

    def offsets(self, parameters: FloatArray) -> FloatArray:
        """Energy of an atom of each species beside its densities, shape (n_species,), a view."""
        return parameters[self.n_coefficients :]

    def repeated(self, values: FloatArray) -> FloatArray:
        """One value for each feature of the descriptor as parameters, all densities alike, offsets 0."""
        parameters = np.zeros(self.n_parameters)
        for z, own in enumerate(self.columns):
            self.of_species(parameters, z)[:] = values[own]
        return parameters


def rows_and_jacobian(
    rows: DescriptorRows, species: IntArray, layout: Layout, parameters: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Energy, forces and virial of one system and their derivatives by the parameters.

    Parameters
    ----------
    rows
        Features of N atoms with their gradients.
    species
        Of the atoms, shape (N,).
    layout, parameters
        Densities.

    Returns
    -------
    values, jacobian
        Shapes (1 + 3N + 6,) and (1 + 3N + 6, n_parameters): energy, forces, virial (xx yy zz yz xz xy).
    """
    n_atoms, n_densities = len(rows.features), len(layout.exponents)
    values = np.zeros(7 + 3 * n_atoms)
    jacobian = np.zeros((len(values), layout.n_parameters))
    counts = np.bincount(species, minlength=len(layout.columns)).astype(np.float64)
    layout.offsets(jacobian[0])[:] = counts
    values[0] = counts @ layout.offsets(parameters)
    energy, forces, virial = 0, slice(1, 1 + 3 * n_atoms), slice(1 + 3 * n_atoms, None)
    owner = np.repeat(np.arange(n_atoms), np.diff(rows.first))
    for z, size in enumerate(layout.sizes):
        atoms = np.flatnonzero(species == z)
        if not len(atoms) or not size:
            continue
        pairs = np.flatnonzero(species[owner] == z).astype(np.int64)
        features, strain = rows.features[atoms, :size], rows.strain[atoms, :, :size]
        gradients, atom = _taken(rows.gradients, pairs, size), rows.atom[pairs]
        centre = np.searchsorted(atoms, owner[pairs]).astype(np.int64)
        c = layout.of_species(parameters, z)
        functions = _functions(features @ c.T, layout.exponents)
        along, strained = _times(gradients, c.T), _times(strain, c.T)
        values[energy] += functions.value.sum()
        pulled = np.einsum("rap,rp->ra", along, functions.slope[centre])
        values[forces] -= _onto(atom, n_atoms, pulled).reshape(-1)
        values[virial] -= np.einsum("isp,ip->s", strained, functions.slope)
        scaled = _scaled_sums(atom, n_atoms, functions.slope[centre], gradients)
        for p in range(n_densities):
            own = jacobian[:, layout.place(z, p)]
            bend = _bends(
                atom, centre, n_atoms, len(atoms), functions.curvature[centre, p, None] * along[:, :, p]
            )
            own[energy] = functions.slope[:, p] @ features
            own[forces] = -(scaled[p] + bend @ features)
            own[virial] = -np.einsum("i,isk->sk", functions.slope[:, p], strain)
            own[virial] -= (functions.curvature[:, p, None] * strained[:, :, p]).T @ features
    return values, jacobian


@dataclass(frozen=True, eq=False)
class _Functions:
    """F and its first two derivatives, shapes (atoms, n_densities)."""

    value: FloatArray
    slope: FloatArray
    curvature: FloatArray


def _functions(densities: FloatArray, exponents: Sequence[float]) -> _Functions:
    made = [embed("shifted_scaled", densities[:, p], m) for p, m in enumerate(exponents)]
    curvature = [embed_curvature(densities[:, p], m) for p, m in enumerate(exponents)]
    return _Functions(
        np.stack([value for value, _ in made], axis=1),
        np.stack([slope for _, slope in made], axis=1),
        np.stack(curvature, axis=1),
    )


def _taken(gradients: FloatArray, rows: NDArray[np.int64], size: int) -> FloatArray:
    """The first features in some rows, without a copy where that is all."""
    if len(rows) == len(gradients) and size == gradients.shape[2]:
        return gradients
    return gradients[rows][:, :, :size]


def _times(values: FloatArray, c: FloatArray) -> FloatArray:
    """Product with the last axis, as one of matrices."""
    product: FloatArray = values.reshape(-1, values.shape[2]) @ c
    return product.reshape(*values.shape[:2], -1)


def _onto(atom: IntArray, n_atoms: int, values: FloatArray) -> FloatArray:
    """Sums over rows that belong to the same atom, shape (n_atoms, ...)."""
    spread = csr_array((np.ones(len(atom)), (atom, np.arange(len(atom)))), shape=(n_atoms, len(atom)))
    return np.asarray(spread @ values)


def _scaled_sums(atom: IntArray, n_atoms: int, slopes: FloatArray, gradients: FloatArray) -> FloatArray:
    """Gradients times the slope of each density, summed onto atoms, shape (n_densities, 3N, n_features)."""
    n_rows, n_densities = slopes.shape
    where = (np.arange(n_densities)[:, None] * n_atoms + atom).reshape(-1)
    row = np.tile(np.arange(n_rows), n_densities)
    spread = csr_array((slopes.T.reshape(-1), (where, row)), shape=(n_densities * n_atoms, n_rows))
    return np.asarray(spread @ gradients.reshape(n_rows, -1)).reshape(n_densities, 3 * n_atoms, -1)


def _bends(
    atom: IntArray, centre: NDArray[np.int64], n_atoms: int, n_centres: int, bent: FloatArray
) -> csr_array:
    """Matrix from features of the centres to forces, shape (3N, n_centres), of entries (rows, 3)."""
    where = (3 * atom[:, None] + np.arange(3)).reshape(-1)
    return csr_array((bent.reshape(-1), (where, np.repeat(centre, 3))), shape=(3 * n_atoms, n_centres))
