"""Gaussian approximation potentials of QUIP, and what stands beside them in their files."""
