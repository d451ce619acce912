"""Read configurations with labels from files: extended XYZ, what ASE reads, mlearn's JSON."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from atomsmith.data.configuration import Configuration
from atomsmith.data.extxyz import read_extxyz
from atomsmith.data.frames import Frame
from atomsmith.data.labels import LabelNames, ResolvedNames, names_found, resolve_names
from atomsmith.data.units import GPA_PER_EV_A3, KBAR_PER_EV_A3
from atomsmith.errors import AtomsmithError, InputError
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from ase import Atoms

_PER_EV_A3 = {"eV/A^3": 1.0, "GPa": GPA_PER_EV_A3, "kbar": KBAR_PER_EV_A3}
_VOIGT = {"xx": (0, 0), "yy": (1, 1), "zz": (2, 2), "yz": (1, 2), "xz": (0, 2), "xy": (0, 1)}
_WEIGHTS = {
    "weight": re.compile(r"(config_)?weight$"),
    "energy_weight": re.compile(r"(config_)?energy_weight$"),
    "forces_weight": re.compile(r"(config_)?forces?_weight$"),
    "stress_weight": re.compile(r"(config_)?(stress|virials?)_weight$"),
}


def read_configurations(
    path: str | Path, labels: LabelNames | None = None, *, labelled: bool = True
) -> list[Configuration]:
    """Read every configuration of one file.

    Extended XYZ (``.xyz``, ``.extxyz``, also ``.gz``) is read here, JSON of the mlearn benchmark is
    converted (kbar, sign, order of shear), anything else goes to `ase.io.read`, which knows VASP's OUTCAR
    and vasprun.xml, the outputs of Quantum ESPRESSO, CASTEP, GPAW and many more.

    Parameters
    ----------
    path
        The file.
    labels
        Names of the labels and conventions of the stress; what is not given is found.
    labelled
        Refuse a file in which no label is found; False reads bare structures too.

    Raises
    ------
    InputError
        If the file is malformed or its labels are missing, misspelt or ambiguous.
    """
    path = Path(path)
    names = labels or LabelNames()
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if path.is_dir() and not any(path.iterdir()):
        raise InputError(f"{path} is an empty folder, expected a file of structures")
    if path.suffix == ".json":
        # Imported here because the exchange formats import the types of this package.
        from atomsmith.exchange.mlearn import is_mlearn, read_mlearn

        if is_mlearn(path):
            return read_mlearn(path, names)
    stem = path.name.removesuffix(".gz")
    is_xyz = stem.endswith((".xyz", ".extxyz"))
    frames = read_extxyz(path) if is_xyz else _frames_from_ase(path)
    return _configurations(frames, names, str(path), labelled)


def configurations_from_atoms(
    atoms: Iterable[Atoms], labels: LabelNames | None = None, *, labelled: bool = True
) -> list[Configuration]:
    """Take ASE ``Atoms`` with the labels of their calculators, ``info`` and ``arrays``.

    Only results that a calculator already holds are used; nothing is computed.
    """
    frames = [_frame_from_atoms(item, f"atoms {k}") for k, item in enumerate(atoms)]
    return _configurations(frames, labels or LabelNames(), "the list of atoms", labelled)


def _configurations(
    frames: Sequence[Frame], names: LabelNames, file: str, labelled: bool
) -> list[Configuration]:
    resolved = resolve_names(frames, names, file)
    if labelled and not resolved.any_label:
        raise InputError(
            f"{file} has no energy, forces, stress or virial under a usual name; names there: "
            f"{names_found(frames)}; give the right ones under labels"
        )
    return [_configuration(frame, resolved, names) for frame in frames]


def _configuration(frame: Frame, names: ResolvedNames, settings: LabelNames) -> Configuration:
    info = dict(frame.info)
    fields: dict[str, Any] = {}
    for key, pattern in _WEIGHTS.items():
        for name in [name for name in info if pattern.match(name)]:
            fields[key] = info.pop(name)
    config_type = info.pop(names.config_type, None) if names.config_type else None
    if config_type is not None:
        fields["config_type"] = str(config_type)
    if names.energy and info.get(names.energy) is not None:
        fields["energy"] = _scalar(info[names.energy], names.energy, frame.where)
    if names.forces:
        forces = frame.arrays.get(names.forces, info.get(names.forces))
        fields["forces"] = None if forces is None else _shaped(forces, names.forces, frame)
    stress = _stress(frame, names, settings)
    if stress is not None:
        fields["stress"] = stress
    for used in (names.energy, names.forces, names.stress, names.virial, "free_energy", "energy"):
        if used is not None:
            info.pop(used, None)
    try:
        return Configuration(
            frame.numbers, frame.positions, frame.cell, frame.pbc, info=_plain_only(info), **fields
        )
    except InputError as error:
        raise InputError(f"{frame.where}: {error}") from None


def _scalar(value: Any, name: str, where: str) -> float:
    try:
        return float(np.asarray(value, dtype=np.float64).reshape(()))
    except (TypeError, ValueError):
        raise InputError(f"{where}: {name} must be one number, found {value!r}") from None


def _shaped(value: Any, name: str, frame: Frame) -> FloatArray:
    try:
        return np.asarray(value, dtype=np.float64).reshape(len(frame.numbers), 3)
    except (TypeError, ValueError):
        raise InputError(f"{frame.where}: {name} must be three numbers for each atom") from None


def _stress(frame: Frame, names: ResolvedNames, settings: LabelNames) -> FloatArray | None:
    """ASE's stress from a stress or a virial; None where there is none or no cell for it."""
    name = names.stress or names.virial
    value = frame.info.get(name) if name else None
    if name is None or value is None:
        return None
    tensor = _tensor(value, name, settings.shear_order or "yz xz xy", frame.where)
    volume = abs(float(np.linalg.det(frame.cell)))
    if volume == 0.0:
        if tensor.any():
            raise InputError(
                f"{frame.where}: a {name} is given but there is no cell: "
                "give Lattice, or labels: {ignore: [stress]}"
            )
        return None
    if names.stress is None:
        tensor = -tensor / volume
    else:
        tensor = tensor / _PER_EV_A3[settings.stress_unit or "eV/A^3"]
    if settings.stress_sign == "compression":
        tensor = -tensor
    asymmetry = float(np.abs(tensor - tensor.T).max())
    if asymmetry > 1e-5 + 1e-2 * float(np.abs(tensor).max()):
        raise InputError(
            f"{frame.where}: {name} is not symmetric (by {asymmetry:.3g} eV/A^3), so it is no stress"
        )
    symmetric = 0.5 * (tensor + tensor.T)
    return np.array([symmetric[index] for index in _VOIGT.values()])


def _tensor(value: Any, name: str, shear_order: str, where: str) -> FloatArray:
    try:
        flat = np.asarray(value, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError):
        flat = np.zeros(0)
    if len(flat) == 9:
        return flat.reshape(3, 3)
    if len(flat) != 6:
        raise InputError(f"{where}: {name} must be 6 or 9 numbers, found {value!r}")
    tensor = np.zeros((3, 3))
    for component, number in zip(["xx", "yy", "zz", *shear_order.split()], flat, strict=True):
        a, b = _VOIGT[component]
        tensor[a, b] = tensor[b, a] = number
    return tensor


def _plain_only(info: dict[str, Any]) -> dict[str, Any]:
    """Keep what JSON can hold; ASE leaves objects such as space groups in ``info``."""
    kept: dict[str, Any] = {}
    for key, value in info.items():
        plain = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
        if plain is None or isinstance(plain, str | bool | int | float | list | dict):
            kept[str(key)] = plain
    return kept


def _frames_from_ase(path: Path) -> list[Frame]:
    from ase.io import read

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            images = read(path, index=":")
    except AtomsmithError:
        raise
    except Exception as error:  # ASE's readers raise anything, from KeyError to StopIteration
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        subject = f"{path} is a folder that" if path.is_dir() else f"{path}"
        raise InputError(
            f"{subject} cannot be read ({reason}); expected extended XYZ (.xyz, .xyz.gz), mlearn JSON or a "
            "file that ASE recognises, such as OUTCAR or vasprun.xml"
        ) from None
    if not images:
        raise InputError(f"{path} holds no configuration")
    return [_frame_from_atoms(atoms, f"{path} frame {k}") for k, atoms in enumerate(images)]


def _frame_from_atoms(atoms: Atoms, where: str) -> Frame:
    info = dict(atoms.info)
    arrays = {name: value for name, value in atoms.arrays.items() if name not in ("numbers", "positions")}
    results = getattr(atoms.calc, "results", {}) if atoms.calc is not None else {}
    for name, value in results.items():
        if value is None:
            continue
        if isinstance(value, np.ndarray) and value.ndim and len(value) == len(atoms) and name != "stress":
            arrays[name] = value
        else:
            info[name] = value
    return Frame(
        numbers=np.asarray(atoms.numbers, dtype=np.int32),
        positions=np.asarray(atoms.positions, dtype=np.float64),
        cell=np.asarray(atoms.cell.array, dtype=np.float64),
        pbc=np.asarray(atoms.pbc, dtype=np.bool_),
        info=info,
        arrays=arrays,
        where=where,
    )
