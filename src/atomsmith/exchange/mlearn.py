"""JSON of the mlearn and maml benchmarks (Zuo et al., J. Phys. Chem. A 124, 731 (2020)).

A file is a list of entries ``{"structure": <pymatgen Structure>, "outputs": {"energy", "forces",
"virial_stress"}, "group", "description", "tag", ...}``. ``virial_stress`` is VASP's: six numbers in kbar,
compression positive. Its first three are xx yy zz; the order of the shear components is a trap, for it
differs inside the published files: ``xy yz xz`` (VASP's own) for some elements and groups, ``xy xz yz`` for
others. It is therefore decided for each group from the data (`atomsmith.data.shear_order`). A group that
cannot tell takes the order of its fellow groups that could, when they agree, or else VASP's;
``LabelNames.shear_order`` overrides.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.files import read_text
from atomsmith.data.labels import LabelNames, ShearOrder
from atomsmith.data.shear_order import decide_shear_order
from atomsmith.data.units import GPA_PER_EV_A3, KBAR_PER_EV_A3
from atomsmith.elements import number_of
from atomsmith.errors import InputError
from atomsmith.systems import FloatArray

VASP_SHEAR_ORDER: ShearOrder = "xy yz xz"
_ASE_SHEAR_ORDER = ("yz", "xz", "xy")
_PER_EV_A3 = {"eV/A^3": 1.0, "GPa": GPA_PER_EV_A3, "kbar": KBAR_PER_EV_A3}


@dataclass(frozen=True)
class GroupShearOrder:
    """The order of shear used for one group and why: given, strain, forces, fellow groups or default."""

    order: ShearOrder
    evidence: Literal["given", "strain", "forces", "fellow groups", "default"]


def is_mlearn(path: str | Path) -> bool:
    """Whether a JSON file looks like one of mlearn's: a list of entries with structure and outputs."""
    with Path(path).open("rb") as stream:
        start = stream.read(4096).lstrip()
    # Either may come first, and be long.
    return start.startswith(b"[") and (b'"structure"' in start or b'"outputs"' in start)


def read_mlearn(path: str | Path, names: LabelNames | None = None) -> list[Configuration]:
    """Read a file of the mlearn benchmark with ASE's conventions for the stress.

    Parameters
    ----------
    path
        The JSON file.
    names
        ``energy``, ``forces`` and ``stress`` name keys of ``outputs`` where they are not the usual ones;
        ``stress_unit``, ``stress_sign`` and ``shear_order`` override kbar, compression and the decision.

    Raises
    ------
    InputError
        If the file is not of this format or an entry is malformed; the message names the entry.
    """
    settings = names or LabelNames()
    entries = _entries(path)
    raw = [_configuration(entry, settings, f"{path} entry {k}") for k, entry in enumerate(entries)]
    orders = shear_orders(raw, settings.shear_order)
    return [_with_ase_shear(c, orders[c.config_type].order) for c in raw]


def shear_orders(
    configurations: Sequence[Configuration], given: ShearOrder | None = None
) -> dict[str, GroupShearOrder]:
    """Order of the shear components by configuration type, for stresses in the order of the source."""
    groups: dict[str, list[Configuration]] = {}
    for configuration in configurations:
        groups.setdefault(configuration.config_type, []).append(configuration)
    if given is not None:
        return {group: GroupShearOrder(given, "given") for group in groups}
    orders: dict[str, GroupShearOrder] = {}
    for group, members in groups.items():
        decision = decide_shear_order(members)
        if decision.order is not None and decision.evidence is not None:
            orders[group] = GroupShearOrder(decision.order, decision.evidence)
    # Strained cells came from another workflow than the dynamics; only the latter speak for their fellows.
    dynamic = {order.order for order in orders.values() if order.evidence == "forces"}
    fallback = (
        GroupShearOrder(dynamic.pop(), "fellow groups")
        if len(dynamic) == 1
        else GroupShearOrder(VASP_SHEAR_ORDER, "default")
    )
    return {group: orders.get(group, fallback) for group in groups}


def _with_ase_shear(configuration: Configuration, order: ShearOrder) -> Configuration:
    if configuration.stress is None:
        return configuration
    written = order.split()
    shear = [configuration.stress[3 + written.index(name)] for name in _ASE_SHEAR_ORDER]
    return configuration.replace(stress=np.concatenate([configuration.stress[:3], shear]))


def _entries(path: str | Path) -> list[Mapping[str, Any]]:
    try:
        entries = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON (line {error.lineno}): {error.msg}") from None
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{path} must be a list of entries with structure and outputs")
    return entries


def _configuration(entry: Mapping[str, Any], names: LabelNames, where: str) -> Configuration:
    try:
        structure, outputs = entry["structure"], entry["outputs"]
        cell = np.array(structure["lattice"]["matrix"], dtype=np.float64)
        positions = np.array([site["xyz"] for site in structure["sites"]], dtype=np.float64)
        symbols = [_only_species(site, where) for site in structure["sites"]]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} is not an mlearn entry: {type(error).__name__} {error}") from None
    labels = {
        "energy": _output(outputs, names.energy, "energy", where),
        "forces": _output(outputs, names.forces, "forces", where),
        "stress": _output(outputs, names.stress, "virial_stress", where),
    }
    labels = {label: value for label, value in labels.items() if label not in names.ignore}
    if labels.get("stress") is not None:
        labels["stress"] = _tension(labels["stress"], names, where)
    group = entry.get(names.config_type or "group")
    info = {key: entry[key] for key in ("description", "tag") if isinstance(entry.get(key), str)}
    try:
        return Configuration(
            numbers=np.array([number_of(symbol) for symbol in symbols], dtype=np.int32),
            positions=positions,
            cell=cell,
            pbc=np.ones(3, np.bool_),
            config_type=str(group) if group else "default",
            info=info,
            **labels,
        )
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _only_species(site: Mapping[str, Any], where: str) -> str:
    species = site["species"]
    if len(species) != 1 or species[0].get("occu", 1) != 1:
        raise InputError(f"{where}: a site is shared by {species}; only ordered structures can be read")
    return str(species[0]["element"])


def _output(outputs: Mapping[str, Any], given: str | None, usual: str, where: str) -> Any:
    if given is not None and given not in outputs:
        raise InputError(f"{where} has no {given!r} in outputs; names there: {', '.join(outputs)}")
    return outputs.get(given or usual)


def _tension(value: Any, names: LabelNames, where: str) -> FloatArray:
    """Six components in eV/A^3 with tension positive, still in the source's order."""
    stress = np.asarray(value, dtype=np.float64).reshape(-1)
    if len(stress) != 6:
        raise InputError(f"{where}: virial_stress must be 6 numbers, found {len(stress)}")
    sign = 1.0 if names.stress_sign == "tension" else -1.0
    converted: FloatArray = sign * stress / _PER_EV_A3[names.stress_unit or "kbar"]
    return converted
