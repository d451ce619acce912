"""Analytic force fields, plain and uncertain, that tests of the sampler run on."""

import numpy as np

from atomsmith.prediction import BiasedPrediction, CommitteePrediction, MemberPrediction, Prediction
from atomsmith.sampling.layout import Layout
from atomsmith.systems import Systems


def systems_of(*parts):
    """Concatenate systems given as (numbers, positions, cell or None)."""
    cells = [np.zeros((3, 3)) if cell is None else np.asarray(cell, float) for _, _, cell in parts]
    return Systems(
        numbers=np.concatenate([numbers for numbers, _, _ in parts]).astype(np.int32),
        positions=np.concatenate([positions for _, positions, _ in parts]).astype(float),
        cells=np.array(cells),
        pbc=np.array([[cell is not None] * 3 for _, _, cell in parts]),
        first=np.concatenate([[0], np.cumsum([len(numbers) for numbers, _, _ in parts])]).astype(np.int64),
    )


def prediction(layout, energies, forces, virial=None):
    n_systems = len(layout.counts)
    return Prediction(
        energy=layout.sum(energies),
        energies=energies,
        forces=forces,
        virial=np.zeros((n_systems, 3, 3)) if virial is None else virial,
    )


class IdealGas:
    """Atoms without any interaction."""

    def predict(self, systems):
        return prediction(Layout.of(systems), np.zeros(systems.n_atoms), np.zeros((systems.n_atoms, 3)))


class Einstein:
    """Every atom tied to the origin of its own coordinates by a spring (eV/A^2)."""

    def __init__(self, stiffness):
        self.stiffness = stiffness

    def predict(self, systems):
        x = systems.positions
        return prediction(Layout.of(systems), 0.5 * self.stiffness * (x * x).sum(1), -self.stiffness * x)


class HarmonicVolume:
    """Energy a/2 (ln V/V0)^2 per system and no forces: a solvable cell."""

    def __init__(self, stiffness, reference_volume):
        self.stiffness, self.reference_volume = stiffness, reference_volume

    def predict(self, systems):
        layout = Layout.of(systems)
        energy = 0.5 * self.stiffness * np.log(systems.volumes / self.reference_volume) ** 2
        return prediction(layout, (energy / layout.counts)[layout.owner], np.zeros((systems.n_atoms, 3)))


class LennardJones:
    """Minimum-image Lennard-Jones with energy and forces shifted to zero at the cutoff."""

    def __init__(self, epsilon=0.0104, sigma=3.4, cutoff=8.0):
        self.epsilon, self.sigma, self.cutoff = epsilon, sigma, cutoff

    def _one(self, x, cell, periodic):
        d = x[None] - x[:, None]
        if periodic:
            d = d - np.rint(d @ np.linalg.inv(cell)) @ cell
        r = np.sqrt((d * d).sum(-1)) + np.diag(np.full(len(x), np.inf))
        inside = r < self.cutoff
        r = np.where(inside, r, self.cutoff)

        def pair(r):
            s = (self.sigma / r) ** 6
            return 4 * self.epsilon * (s * s - s), 24 * self.epsilon * (2 * s * s - s) / r

        energy, force = pair(r)
        edge_energy, edge_force = pair(self.cutoff)
        energy = np.where(inside, energy - edge_energy + (r - self.cutoff) * edge_force, 0.0)
        force = np.where(inside, force - edge_force, 0.0)
        vectors = np.where(inside[..., None], d / r[..., None], 0.0)
        pair_forces = -force[..., None] * vectors
        virial = 0.5 * np.einsum("ija,ijb->ab", -pair_forces, np.where(inside[..., None], d, 0.0))
        return 0.5 * energy.sum(1), pair_forces.sum(1), virial

    def predict(self, systems):
        layout = Layout.of(systems)
        energies, forces = np.zeros(systems.n_atoms), np.zeros((systems.n_atoms, 3))
        virial = np.zeros((systems.n_systems, 3, 3))
        for s in range(systems.n_systems):
            atoms = slice(systems.first[s], systems.first[s + 1])
            energies[atoms], forces[atoms], virial[s] = self._one(
                systems.positions[atoms], systems.cells[s], bool(systems.pbc[s].all())
            )
        return prediction(layout, energies, forces, virial)


class UncertainLennardJones(LennardJones):
    """A committee of Lennard-Jones models that differ in epsilon and sigma from the mean model."""

    def __init__(self, spread=0.05, members=4, seed=0, **kwargs):
        super().__init__(**kwargs)
        rng = np.random.default_rng(seed)
        self.members = [
            LennardJones(
                self.epsilon * (1 + spread * rng.standard_normal()),
                self.sigma * (1 + 0.1 * spread * rng.standard_normal()),
                self.cutoff,
            )
            for _ in range(members)
        ]
        self.calls = {"predict": 0, "committee": 0, "biased": 0}

    def predict(self, systems):
        self.calls["predict"] += 1
        return super().predict(systems)

    def predict_members(self, systems):
        each = [member.predict(systems) for member in self.members]
        return MemberPrediction(
            energy=np.array([p.energy for p in each]),
            forces=np.array([p.forces for p in each]),
            virial=np.array([p.virial for p in each]),
        )

    def predict_committee(self, systems):
        self.calls["committee"] += 1
        return CommitteePrediction(LennardJones.predict(self, systems), self.predict_members(systems))

    def predict_biased(self, systems, tau, uncertainty="committee"):
        self.calls["biased"] += 1
        mean, members = LennardJones.predict(self, systems), self.predict_members(systems)
        deviation = members.energy - mean.energy
        sigma = np.sqrt((deviation**2).mean(0))
        weight = deviation / np.where(sigma > 0, sigma, np.inf) / len(self.members)
        owner = systems.owner
        pull = (weight[:, owner, None] * (members.forces - mean.forces)).sum(0)
        strain = (weight[:, :, None, None] * (members.virial - mean.virial)).sum(0)
        return BiasedPrediction(
            energy=mean.energy,
            sigma=sigma,
            forces=mean.forces - tau[owner, None] * pull,
            virial=mean.virial - tau[:, None, None] * strain,
        )


def lj_crystal(repeats=2, lattice=5.4, rattle=0.05, seed=0, number=18):
    """fcc cell: (numbers, positions, cell)."""
    rng = np.random.default_rng(seed)
    basis = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    grid = np.array(np.meshgrid(*[range(repeats)] * 3)).reshape(3, -1).T
    positions = (grid[:, None] + basis).reshape(-1, 3) * lattice
    positions = positions + rattle * rng.standard_normal(positions.shape)
    return np.full(len(positions), number), positions, np.eye(3) * lattice * repeats


def blocked_error(values, blocks=20):
    """Standard error of the mean of correlated samples, from block averages."""
    means = np.array([block.mean() for block in np.array_split(np.asarray(values), blocks)])
    return means.std(ddof=1) / np.sqrt(blocks)
