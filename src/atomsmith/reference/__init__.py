"""References: what labels a configuration with energy, forces and stress.

`ReferenceSettings` names the reference, `check` says before anything starts whether it can run, `label`
labels one configuration, `LabelRunner` many at once, `FailureGuard` stops when it fails again and again, and
`isolated_atoms` gives the energies of free atoms.
"""

from atomsmith.reference.guard import FailureGuard
from atomsmith.reference.isolated import isolated_atoms
from atomsmith.reference.labeller import LabelResult, check, label
from atomsmith.reference.runner import LabelRunner, run_labels
from atomsmith.reference.settings import ExecutorSettings, ReferenceSettings, default_reference

__all__ = [
    "ExecutorSettings",
    "FailureGuard",
    "LabelResult",
    "LabelRunner",
    "ReferenceSettings",
    "check",
    "default_reference",
    "isolated_atoms",
    "label",
    "run_labels",
]
