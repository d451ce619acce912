"""Gaussian approximation potentials of QUIP: gap.xml with soap and distance_2b descriptors.

Bartok, Payne, Kondor, Csanyi, Phys. Rev. Lett. 104, 136403 (2010); Bartok, Csanyi, Int. J. Quantum Chem. 115,
1051 (2015). Descriptors soap with a dot-product kernel become a ``soap`` part with sparse points, those that
differ in their central atom only one together; the kernels of a distance_2b add up to one function of the
distance, a ``pair`` part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.soap import Rows, soap_part
from atomsmith.descriptors.soap_radial import central_values, equispaced_gaussians, reduced, soap_table
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.gap_file import DOT_PRODUCT, SQUARED_EXPONENTIAL, Coordinates, read_gap_file
from atomsmith.potential import Potential
from atomsmith.regressors.kernel import kernel_features, kernel_plan
from atomsmith.regressors.pair_kernel import PairFunctions, pair_kernel_part
from atomsmith.systems import FloatArray

_FITTING = {
    "add_species", "config_type_n_sparse", "covariance_type", "delta", "f0", "mark_sparse_atoms", "n_sparse",
    "n_Z", "n_species", "print_sparse_index", "sparse_file", "sparse_method", "theta", "theta_fac",
    "theta_file", "theta_uniform", "unique_descriptor_tolerance", "unique_hash_tolerance", "xml_version",
    "zeta", "zeta_file", "use_sparse_points", "f0_file", "delta_file",
}  # fmt: skip
"""Keys of descriptors that say how they were fitted, or what the file says elsewhere."""
_SOAP_NUMBERS = {
    "cutoff": None,
    "cutoff_transition_width": 0.5,
    "n_max": None,
    "l_max": None,
    "atom_sigma": None,
    "central_weight": 1.0,
    "covariance_sigma0": 0.0,
    "basis_error_exponent": 10.0,
}
_SOAP_FLAGS = {"normalise": True, "normalize": True, "central_reference_all_species": False}
_ONLY_DEFAULTS = {
    "average": "F", "cutoff_dexp": "0", "cutoff_rate": "1.0", "cutoff_scale": "1.0", "diagonal_radial": "F",
    "nu_R": "2", "nu_S": "2", "Z_mix": "F", "R_mix": "F", "sym_mix": "F", "coupling": "T", "K": "0",
    "mix_shift": "0", "only_intra": "F", "only_inter": "F", "n_exponents": "1", "exponents": "1",
    "tail_exponent": "0", "tail_range": "1.0", "resid_name": "",
}  # fmt: skip
"""Keys whose other values are not supported."""
_INSTEAD = "fit again without it, or fit a sparse kernel here (docs/gap.md)"
LARGEST_ZETA, LARGEST_L = 32, 12
"""Bounds of the engine."""
REACH = 1.0e-7
"""Size of the radial functions that are left out, see `reduced`; it does not show in kernels."""


def read_gap(path: str | Path, elements: Sequence[str] | None = None) -> Potential:
    """Read a Gaussian approximation potential.

    Parameters
    ----------
    path
        The gap.xml; files of sparse points lie beside it.
    elements
        Chemical symbols, where the file does not name the elements that it is for.

    Raises
    ------
    InputError
        If a file is missing or malformed, or has something that is not supported.
    """
    path = Path(path)
    file = read_gap_file(path)
    numbers = file.elements if elements is None else tuple(number_of(symbol) for symbol in elements)
    if numbers is None:
        raise InputError(
            f"{path}: the file does not say which elements it is for; name them: "
            "`atomsmith import gap.xml --elements Si`."
        )
    try:
        parts, coefficients = _parts(file.coordinates, numbers)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    e0 = np.array([file.e0.get(z, 0.0) for z in numbers])
    n = len(numbers)
    reference = FeatureInfo(
        order=np.zeros(n, np.int32),
        degree=np.zeros(n),
        smoothness=np.ones(n),
        elements=tuple((z,) for z in numbers),
        labels=tuple(f"E0 {SYMBOLS[z]}" for z in numbers),
    )
    return Potential(
        elements=numbers,
        plan={
            "elements": list(numbers),
            "parts": [{"kind": "e0", "n_features": n}, *(part.part for part in parts)],
        },
        features=FeatureInfo.concatenate([reference, *(part.info for part in parts)]),
        coefficients=np.concatenate([e0, *coefficients]),
        metadata={"imported": {"format": "gap", "files": [path.name]}},
    )


def _parts(
    coordinates: Sequence[Coordinates], elements: tuple[int, ...]
) -> tuple[list[DescriptorPart], list[FloatArray]]:
    """Parts with their coefficients."""
    groups: defaultdict[_Soap, list[Coordinates]] = defaultdict(list)
    pairs: list[Coordinates] = []
    for one in coordinates:
        if one.kind == "soap" and one.covariance == DOT_PRODUCT:
            groups[_Soap.of(one)].append(one)
        elif one.kind == "distance_2b" and one.covariance == SQUARED_EXPONENTIAL:
            pairs.append(one)
        else:
            raise InputError(
                f"the descriptor {one.kind} with covariance_type {one.covariance} is not supported; only "
                f"soap with dot_product (2) and distance_2b with ard_se (1) are; {_INSTEAD}."
            )
    made = [_soap(settings, members, elements) for settings, members in groups.items()]
    made = _pairs(pairs, elements) + made
    return [part for part, _ in made], [values for _, values in made]


def _check_keys(one: Coordinates, known: set[str]) -> None:
    for key, value in one.values.items():
        default = _ONLY_DEFAULTS.get(key)
        if default is not None:
            if value.strip() != default and not _same_number(value, default):
                raise InputError(f"{one.kind} with {key}={value} is not supported; {_INSTEAD}.")
        elif key not in known | _FITTING:
            raise InputError(f"{one.kind}: the key '{key}' is not known; it may change what is computed.")


def _same_number(a: str, b: str) -> bool:
    try:
        return float(a) == float(b)
    except ValueError:
        return False


def _number(one: Coordinates, key: str, default: float | None) -> float:
    text = one.values.get(key)
    if text is None:
        if default is None:
            raise InputError(f"{one.kind}: '{key}' is missing; the file is damaged.")
        return default
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{one.kind}: {key}={text} is not a number.") from None


def _numbers_of(one: Coordinates, key: str) -> tuple[int, ...]:
    """Atomic numbers; empty where the key is missing or 0, which stands for any."""
    try:
        found = tuple(int(word) for word in one.values.get(key, "").split())
    except ValueError:
        raise InputError(f"{one.kind}: {key}={one.values[key]} is not a list of atomic numbers.") from None
    return () if 0 in found else found


def _flag(one: Coordinates, key: str) -> bool:
    value = one.values.get(key)
    return _SOAP_FLAGS[key] if value is None else value.strip(".").upper().startswith("T")


def _centres(one: Coordinates, elements: tuple[int, ...]) -> tuple[int, ...]:
    return _numbers_of(one, "Z") or elements


@dataclass(frozen=True)
class _Soap:
    """What soap descriptors of different central atoms may share."""

    numbers: tuple[float, ...]
    normalised: bool
    in_all_species: bool
    species: tuple[int, ...]
    zeta: int

    @classmethod
    def of(cls, one: Coordinates) -> _Soap:
        _check_keys(one, {*_SOAP_NUMBERS, *_SOAP_FLAGS, "Z", "species_Z"})
        if one.zeta != round(one.zeta) or not 1.0 <= one.zeta <= LARGEST_ZETA:
            raise InputError(
                f"soap with zeta={one.zeta:g} is not supported; it must be a whole number up to "
                f"{LARGEST_ZETA}; {_INSTEAD}."
            )
        if _number(one, "l_max", None) > LARGEST_L:
            raise InputError(
                f"soap with l_max={one.values['l_max']} is not supported; it must be at most {LARGEST_L}; "
                f"{_INSTEAD}."
            )
        return cls(
            tuple(_number(one, key, default) for key, default in _SOAP_NUMBERS.items()),
            _flag(one, "normalise") and _flag(one, "normalize"),
            _flag(one, "central_reference_all_species"),
            _numbers_of(one, "species_Z"),
            round(one.zeta),
        )


def _soap(
    s: _Soap, members: Sequence[Coordinates], elements: tuple[int, ...]
) -> tuple[DescriptorPart, FloatArray]:
    cutoff, width, n_max, l_max, sigma, central, sigma0, error = s.numbers
    n = len(elements)
    basis, rotation = reduced(
        equispaced_gaussians(round(n_max), cutoff, sigma, error), round(l_max), sigma, cutoff, width, REACH
    )
    count = len(rotation)
    own = np.zeros((n, n, count))
    alone = central * central_values(basis, sigma)
    if not s.species:  # one density, which every atom belongs to
        own[:, 0] = alone
        rows = Rows.all_pairs(count, np.tile(np.eye(count), (1, n)))
    else:
        missing = set(s.species) - set(elements)
        if missing:
            raise InputError(f"soap: elements of species_Z {sorted(missing)} are not among those given.")
        at = [elements.index(z) for z in s.species]
        for centre, z in enumerate(elements):
            for species in at:
                own[centre, species] = alone * (s.in_all_species or elements[species] == z)
        order = np.concatenate([position * count + np.arange(count) for position in at])
        rows = Rows(None, order[Rows.all_pairs(len(order)).products].astype(np.int32))
    part = soap_part(
        soap_table(basis, round(l_max), sigma, cutoff, width, n * n),
        round(l_max),
        own,
        rows,
        normalised=s.normalised,
        sigma0=sigma0,
    )
    size = part["n_features"] // n
    turn: FloatArray = np.kron(np.eye(max(len(s.species), 1)), rotation).astype(np.float64)
    theirs = turn.shape[1] * (turn.shape[1] + 1) // 2 * (round(l_max) + 1) + 1
    points: list[list[FloatArray]] = [[np.zeros((0, size))] for _ in elements]
    weights: list[list[FloatArray]] = [[np.zeros(0)] for _ in elements]
    for one in members:
        if one.points.shape[1] != theirs:
            raise InputError(
                f"soap: sparse points have {one.points.shape[1]} components, but its settings give "
                f"{theirs}; the file is damaged."
            )
        # The last component is sigma0, which is not a feature where it is zero.
        turned = np.concatenate([_turned(one.points[:, :-1], turn), one.points[:, -1:]], axis=1)
        for z in _centres(one, elements):
            points[elements.index(z)].append(turned[:, :size])
            weights[elements.index(z)].append(one.weights)
    regressor = kernel_plan(s.zeta, [np.concatenate(own) for own in points])
    info = kernel_features(regressor, elements)
    made = part | {"n_features": len(info), "regressor": regressor}
    return DescriptorPart(made, info), np.concatenate([w for own in weights for w in own])


def _turned(spectra: FloatArray, turn: FloatArray) -> FloatArray:
    """Power spectra (M, pairs of rows x l) of the rows that ``turn`` makes of others, shape (new, old)."""
    new, old = turn.shape
    if new == old:
        return spectra
    weight = np.where(np.equal(*np.tril_indices(old)), 1.0, np.sqrt(0.5))
    values = spectra.reshape(len(spectra), len(weight), -1) * weight[:, None]
    square = np.zeros((len(spectra), old, old, values.shape[2]))
    a, b = np.tril_indices(old)
    square[:, a, b] = square[:, b, a] = values
    turned = np.einsum("ia,mabl,jb->mijl", turn, square, turn, optimize=True)
    i, j = np.tril_indices(new)
    found: FloatArray = turned[:, i, j] * np.where(i == j, 1.0, np.sqrt(2.0))[:, None]
    return found.reshape(len(spectra), -1)


def _pairs(
    members: Sequence[Coordinates], elements: tuple[int, ...]
) -> list[tuple[DescriptorPart, FloatArray]]:
    """For each cutoff, one function of the distance for every pair of elements with the coefficient 1."""
    groups: defaultdict[tuple[float, float, float], list[Coordinates]] = defaultdict(list)
    for one in members:
        _check_keys(one, {"cutoff", "cutoff_transition_width", "Z1", "Z2"})
        cutoff, width = _number(one, "cutoff", None), _number(one, "cutoff_transition_width", 0.5)
        groups[cutoff, width, one.theta].append(one)
    made = []
    for (cutoff, width, length), group in groups.items():
        functions = []
        for i, j in combinations_with_replacement(elements, 2):
            chosen = [one for one in group if _meets(one, i, j)]
            points = np.concatenate([np.zeros(0), *(one.points[:, 0] for one in chosen)])
            weights = np.concatenate([np.zeros(0), *(one.weights for one in chosen)])
            functions.append(PairFunctions(points, weights[:, None], length, cutoff, width))
        part = pair_kernel_part(functions, elements, ["distance_2b"])
        made.append((part, np.ones(len(part.info))))
    return made


def _meets(one: Coordinates, i: int, j: int) -> bool:
    """Whether a descriptor of distances is for the pair of elements."""
    first, second = (_numbers_of(one, key) or (i, j) for key in ("Z1", "Z2"))
    return (i in first and j in second) or (j in first and i in second)
