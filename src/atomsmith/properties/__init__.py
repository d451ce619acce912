"""Properties of crystals by any force field: pure functions from settings to results with units."""

from atomsmith.properties.base import Property, PropertyResult
from atomsmith.properties.registry import PROPERTIES

__all__ = ["PROPERTIES", "Property", "PropertyResult"]
