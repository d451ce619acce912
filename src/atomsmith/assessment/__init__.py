"""Protocols that tell what a potential is good for: accuracy, data, cost, properties, motion, polymorphs."""

from atomsmith.assessment.run import Assessment, assess
from atomsmith.assessment.settings import AssessSettings

__all__ = ["AssessSettings", "Assessment", "assess"]
