"""Fits of embeddings: functions of several densities, by nonlinear least squares."""

from atomsmith.fitting.trainers.embedding.trainer import train_embedding

__all__ = ["train_embedding"]
