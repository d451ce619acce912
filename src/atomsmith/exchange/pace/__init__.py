"""Potentials of PACE: `.yace`, `.ace` and the B-basis of pacemaker read, `.yace` written."""

from atomsmith.exchange.pace.reading import read

__all__ = ["read"]
