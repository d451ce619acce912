"""References: what labels a configuration with energy, forces and stress.

`ReferenceSettings` names the reference, `check` says before anything starts whether it can run, `label` labels
one configuration, `LabelRunner` many at once, `FailureGuard` stops when it fails again and again, and
`isolated_atoms` gives the energies of free atoms.
"""

from atomsmith.reference.executors import ExecutorSettings, default_executor
from atomsmith.reference.guard import FailureGuard
from atomsmith.reference.isolated import isolated_atoms
from atomsmith.reference.labeller import LabelResult, check, label
from atomsmith.reference.registry import ENGINES, ReferenceSettings
from atomsmith.reference.runner import LabelRunner, run_labels

__all__ = [
    "ENGINES",
    "ExecutorSettings",
    "FailureGuard",
    "LabelResult",
    "LabelRunner",
    "ReferenceSettings",
    "check",
    "default_executor",
    "isolated_atoms",
    "label",
    "run_labels",
]
