"""Training of networks on energies, forces and stresses."""

from atomsmith.fitting.trainers.networks.trainer import train_networks

__all__ = ["train_networks"]
