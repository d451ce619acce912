"""Structures that are in no training set: relaxed by one potential, compared by all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from atomsmith.assessment.candidates import Candidate
from atomsmith.assessment.settings import UnseenSettings
from atomsmith.assessment.structures import from_values, to_values
from atomsmith.builders.crystals import crystal as build_crystal
from atomsmith.data.configuration import Configuration
from atomsmith.errors import InputError
from atomsmith.prediction import ForceField
from atomsmith.properties.base import Report, require_one_element
from atomsmith.properties.evaluation import evaluate
from atomsmith.properties.lattice import settle

GROUND = "crystal"
"""Name of the structure that energies are counted from."""


def geometries(
    candidate: Candidate, crystal: Configuration, settings: UnseenSettings, report: Report
) -> dict[str, Any]:
    """Relax the crystal and the other structures by one potential.

    Returns
    -------
    dict
        ``structures`` by name, the crystal as `GROUND`; ``problems`` of those that did not relax.
    """
    require_one_element("unseen", crystal, "their energies")
    problems: list[str] = []
    found: dict[str, Any] = {}
    with candidate.opened(crystal.elements) as force_field:
        base, _ = settle(force_field, crystal)
        if base.problem is not None:
            raise InputError(f"the crystal did not relax: {base.problem}")
        found[GROUND] = to_values(base.configuration)
        volume = base.configuration.volume / crystal.n_atoms
        for done, name in enumerate(settings.structures):
            report(done, len(settings.structures), name)
            start = build_crystal(crystal.symbols[0], name, volume_per_atom=volume)
            end, _ = settle(force_field, start, settings.lattice)
            if end.problem is None:
                found[name] = to_values(end.configuration)
            else:
                problems.append(f"{name} did not relax: {end.problem}")
    return {"structures": found, "problems": problems}


def energies_at(force_field: ForceField, structures: Mapping[str, Any], name: str) -> dict[str, float]:
    """Energy in eV/atom of one structure by one force field."""
    (found,) = evaluate(force_field, [from_values(structures[name])])
    return {"energy_ev_per_atom": found.energy_per_atom}


def compared(
    candidate: Candidate, structures: Mapping[str, Any], truth_ev_per_atom: Mapping[str, float]
) -> dict[str, Any]:
    """Energies over the crystal in meV/atom at the same structures, beside those that are right.

    Returns
    -------
    dict
        ``structures``: by name ``[this potential, right]``; ``mae_mev_per_atom`` over all of them.
    """
    names = [name for name in structures if name in truth_ev_per_atom]
    if GROUND not in names or len(names) < 2:
        raise InputError("what is taken for right gave no energies of the crystal and another structure")
    configurations = [from_values(structures[name]) for name in names]
    with candidate.opened(configurations[0].elements) as force_field:
        found = {
            name: one.energy_per_atom
            for name, one in zip(names, evaluate(force_field, configurations), strict=True)
        }
    table = {
        name: [
            1000.0 * (found[name] - found[GROUND]),
            1000.0 * (truth_ev_per_atom[name] - truth_ev_per_atom[GROUND]),
        ]
        for name in names
        if name != GROUND
    }
    errors = [abs(ours - right) for ours, right in table.values()]
    return {"structures": table, "mae_mev_per_atom": sum(errors) / len(errors)}
