"""Files of QUIP's Gaussian approximation potentials: gap.xml and its files of sparse points.

Format: what gap_fit writes (QUIP, libAtoms; Klawohn et al., J. Chem. Phys. 159, 174108 (2023)).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from atomsmith.data.files import read_text
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.quip import attributes as xml
from atomsmith.exchange.quip.glue import Glue, read_glue
from atomsmith.exchange.quip.zbl import Zbl, read_zbl
from atomsmith.systems import FloatArray

SQUARED_EXPONENTIAL, DOT_PRODUCT = 1, 2
"""Values of covariance_type."""
_MANY = 10
"""Elements with a reference energy beyond which the list only says that e0 is the same for all."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """One descriptor with its sparse points.

    Attributes
    ----------
    kind
        Name of the descriptor.
    values
        Its settings by key, as text without braces.
    covariance, zeta, theta
        Kernel: `DOT_PRODUCT` to the power zeta, or `SQUARED_EXPONENTIAL` of a length theta for each
        dimension.
    constant
        What f0 adds to the sum over sparse points of a squared-exponential kernel, eV.
    permutations
        Over how many orders of the components such a kernel is summed.
    points
        Shape (M, dimensions).
    weights
        alpha times sparseCutoff times delta^2, eV, shape (M,).
    """

    kind: str
    values: dict[str, str]
    covariance: int
    zeta: float
    theta: tuple[float, ...]
    constant: float
    permutations: int
    points: FloatArray
    weights: FloatArray

    def with_values(self, values: dict[str, str]) -> Coordinates:
        """The same with other settings."""
        return replace(self, values=values)

    def atomic_numbers(self, key: str) -> tuple[int, ...]:
        """Atomic numbers that a setting lists, 0 for any; none where it is missing.

        Raises
        ------
        InputError
            If it lists something else.
        """
        try:
            return tuple(int(word) for word in self.values.get(key, "").split())
        except ValueError:
            raise InputError(
                f"{self.kind}: {key}={self.values[key]} is not a list of atomic numbers."
            ) from None


@dataclass(frozen=True, eq=False)
class GapFile:
    """What a gap.xml says.

    Attributes
    ----------
    e0, other_e0
        Energies of isolated atoms by atomic number, and of all others, eV.
    species
        Elements of the training structures, where the file holds these.
    coordinates
        The descriptors.
    core
        A potential that was subtracted from the data, and is added.
    version
        Of the program that wrote it; 0 where it does not say so.
    scale
        Factor of all energies but the core's.
    """

    e0: dict[int, float]
    other_e0: float
    species: tuple[int, ...]
    coordinates: tuple[Coordinates, ...]
    core: Glue | Zbl | None
    version: int
    scale: float

    @property
    def elements(self) -> tuple[int, ...] | None:
        """Atomic numbers that the file is for, rising, as far as it tells."""
        named = {
            number
            for c in self.coordinates
            for key in ("Z", "Z_center", "species_Z", "Z1", "Z2")
            for number in c.atomic_numbers(key)
        } - {0}
        few = set(self.e0) if len(self.e0) <= _MANY else set()
        found = named | set(self.species) or few or set(self.core.elements if self.core else ())
        return tuple(sorted(found)) or None


def read_gap_file(path: Path) -> GapFile:
    """Read gap.xml and the sparse points beside it.

    Raises
    ------
    InputError
        If a file is missing or malformed, or holds a part that is not a Gaussian approximation potential.
    """
    try:
        root = ElementTree.fromstring(read_text(path))
    except ElementTree.ParseError as error:
        raise InputError(
            f"{path}: not a readable XML file ({error}); expected a gap.xml of gap_fit."
        ) from None
    arguments = _arguments_of(root)
    params = _params_of(path, root, arguments)
    data, sparse = params.find("GAP_data"), params.find("gpSparse")
    if data is None or sparse is None:
        xml.refuse(path, "GAP_data or gpSparse is missing; the file is damaged")
    has_core = data.get("do_core", "F").upper().startswith("T")
    if data.get("do_pca", "F").upper().startswith("T"):
        xml.refuse(path, "it turns descriptors to principal components (do_pca), which is not supported")
    text = "".join(element.text or "" for element in params.findall("XYZ_data"))
    names = {
        name for name in re.findall(r"^\s*([A-Z][a-z]?)\s+[-+\d.]", text, re.MULTILINE) if name in SYMBOLS
    }
    return GapFile(
        core=_core_of(path, root, arguments, has_core),
        scale=_scale_of(path, arguments),
        version=xml.whole(path, params, "gap_version") if "gap_version" in params.attrib else 0,
        other_e0=xml.number(path, data, "e0") if "e0" in data.attrib else 0.0,
        e0={xml.whole(path, e, "Z"): xml.number(path, e, "value") for e in data.findall("e0")},
        species=tuple(sorted(number_of(name) for name in names)),
        coordinates=tuple(_coordinates(path, c) for c in sparse.findall("gpCoordinates")),
    )


def _arguments_of(root: ElementTree.Element) -> str:
    """What the file says of how to put its potential together; empty where it says nothing."""
    found = [element.get("init_args", "").strip() for element in root.iter("Potential")]
    return next((own for own in found if "IP GAP" in own), found[0] if found else "")


def _params_of(path: Path, root: ElementTree.Element, arguments: str) -> ElementTree.Element:
    """The Gaussian approximation potential that the arguments name, or the only one."""
    found = list(root.iter("GAP_params"))
    if not found:
        xml.refuse(path, "it has no GAP_params; give the file that gap_fit wrote as gp_file")
    label = re.search(r"IP GAP\s+label=([^\s}]+)", arguments)
    if len(found) > 1 and label is not None:
        found = [element for element in found if element.get("label") == label.group(1)]
    if len(found) != 1:
        xml.refuse(path, f"it has {len(found)} GAP_params that '{arguments}' may mean, expected one")
    return found[0]


def _terms_of(arguments: str) -> list[str]:
    """The terms of a potential, that of the Gaussian approximation first."""
    both = re.fullmatch(r"Sum\s+init_args_pot1=\{(.*?)\}\s+init_args_pot2=\{(.*?)\}", arguments)
    if not both:
        return [arguments]
    return sorted((term.strip() for term in both.groups()), key=lambda term: not _is_gap(term))


def _scale_of(path: Path, arguments: str) -> float:
    """What all energies of the Gaussian approximation are multiplied with."""
    found = re.search(r"E_scale=(\S+)", _terms_of(arguments)[0])
    try:
        return float(found.group(1)) if found else 1.0
    except ValueError:
        xml.refuse(path, f"its Potential is '{arguments}', whose E_scale is not a number")


def _core_of(path: Path, root: ElementTree.Element, arguments: str, has_core: bool) -> Glue | Zbl | None:
    """The potential that stands beside the kernels."""
    terms = _terms_of(arguments)
    kind = terms[1].split()[:2] if len(terms) == 2 else ["IP", "Glue"]
    if arguments and not (_is_gap(terms[0]) and kind in (["IP", "Glue"], ["IP", "ZBL"])):
        xml.refuse(
            path,
            f"its Potential is '{arguments}', but only 'IP GAP', alone or in a Sum with 'IP Glue' or "
            "'IP ZBL', is supported; fit without the other terms",
        )
    if len(terms) == 2:
        return read_zbl(path, terms[1]) if kind[1] == "ZBL" else read_glue(path, root, terms[1])
    if has_core:
        xml.refuse(path, "it adds a core potential (do_core) that it does not name; fit it without one")
    return None


def _is_gap(term: str) -> bool:
    """Whether arguments of a potential are those of a GAP without settings but its label and a factor."""
    words = term.split()
    return words[:2] == ["IP", "GAP"] and all(word.startswith(("label=", "E_scale=")) for word in words[2:])


def _coordinates(path: Path, element: ElementTree.Element) -> Coordinates:
    descriptor = (element.findtext("descriptor") or "").strip()
    kind, _, rest = descriptor.partition(" ")
    values = {
        key: braced or quoted or plain
        for key, braced, quoted, plain in re.findall(r'(\w+)=(?:\{+([^}]*)\}+|"([^"]*)"|(\S+))', rest)
    }
    covariance = xml.whole(path, element, "covariance_type")
    sparse = element.findall("sparseX")
    count = xml.whole(path, element, "n_sparseX")
    dimensions = xml.whole(path, element, "dimensions")
    if len(sparse) != count:
        xml.refuse(path, f"the descriptor {kind} has {len(sparse)} weights of {count} sparse points")
    delta = xml.number(path, element, "signal_variance")
    weights = [xml.number(path, s, "alpha") * xml.number(path, s, "sparseCutoff") for s in sparse]
    theta = (element.findtext("theta") or "").split()
    if covariance == SQUARED_EXPONENTIAL and len(theta) != dimensions:
        xml.refuse(path, f"the descriptor {kind} has {len(theta)} lengths theta, expected {dimensions}")
    lengths = tuple(_lengths(path, kind, theta))
    mean = xml.number(path, element, "signal_mean") if "signal_mean" in element.attrib else 0.0
    return Coordinates(
        kind=kind,
        values=values,
        covariance=covariance,
        zeta=_power(path, element, lengths) if covariance == DOT_PRODUCT else 1.0,
        theta=lengths,
        constant=mean**2 * float(np.sum(weights)),
        permutations=xml.whole(path, element, "n_permutations") if "n_permutations" in element.attrib else 1,
        points=_points(path, element, sparse, dimensions),
        weights=np.array(weights) * delta**2,
    )


def _lengths(path: Path, kind: str, words: list[str]) -> list[float]:
    try:
        lengths = [float(word) for word in words]
    except ValueError:
        xml.refuse(path, f"the lengths theta of {kind} are '{' '.join(words)}', expected numbers")
    if not all(length > 0.0 for length in lengths):
        xml.refuse(path, f"the lengths theta of {kind} are '{' '.join(words)}', expected positive numbers")
    return lengths


def _power(path: Path, element: ElementTree.Element, theta: tuple[float, ...]) -> float:
    """Return zeta, which files of old programs hold as theta."""
    return theta[0] if theta else xml.number(path, element, "zeta")


def _points(
    path: Path, element: ElementTree.Element, sparse: Sequence[ElementTree.Element], dimensions: int
) -> FloatArray:
    """Sparse points from the file that is named, or, without one, from the elements themselves."""
    name = element.get("sparseX_filename")
    file = path if name is None else path.parent / Path(name).name
    words = [word for one in sparse for word in "".join(one.itertext()).split()]
    try:
        values = np.array(words if name is None else read_text(file).split(), dtype=np.float64)
    except ValueError as error:
        raise InputError(f"{file}: holds what is not a number ({error}); the file is damaged.") from None
    if values.size != len(sparse) * dimensions:
        raise InputError(
            f"{file}: has {values.size} numbers, but {path} expects {len(sparse)} sparse points of "
            f"{dimensions}; "
            + ("the file is damaged." if name is None else "the two files do not belong together.")
        )
    return values.reshape(len(sparse), dimensions)
