"""SNAP potentials of LAMMPS: a .snapcoeff file and its .snapparam file.

Formats: LAMMPS documentation of `pair_style snap`; Thompson et al., J. Comput. Phys. 285, 316 (2015). The
energies are those of the pair style alone: a repulsion that a .snap script adds beside it is not part of
these files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from atomsmith.data.files import read_words, replacing
from atomsmith.descriptors import BispectrumSettings
from atomsmith.descriptors.bispectrum import InnerSwitch
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.formats import require_no_global_features
from atomsmith.exchange.pair_energies import without_pair_energies, write_beside
from atomsmith.model import Model, ModelSettings, TermSettings, build_model
from atomsmith.potential import Potential
from atomsmith.regressors import LinearSettings, QuadraticSettings
from atomsmith.systems import FloatArray

_FLAGS = {
    "switchflag": True,
    "bzeroflag": True,
    "quadraticflag": False,
    "chemflag": False,
    "bnormflag": False,
    "wselfallflag": False,
    "switchinnerflag": False,
}
_NUMBERS = {"rfac0": 0.99363, "rmin0": 0.0}
_PER_ELEMENT = ("sinner", "dinner")
_KEYS = {"cutoff": "rcutfac"}
"""What SNAP calls settings that have another name here."""
# They change how LAMMPS works, not what it computes; diagonalstyle 3 became the only one.
_IGNORED = ("chunksize", "parallelthresh", "diagonalstyle")


@dataclass(frozen=True)
class SnapElement:
    """An element of a SNAP: radius in units of rcutfac, weight, and coefficients from the constant on."""

    symbol: str
    radius: float
    weight: float
    coefficients: FloatArray


def read_snap(coefficients: str | Path, parameters: str | Path | None = None) -> Potential:
    """Read a SNAP potential, linear or quadratic, of one or several elements.

    Parameters
    ----------
    coefficients
        The .snapcoeff file.
    parameters
        The .snapparam file; by default the one beside it with the same stem.

    Raises
    ------
    InputError
        If a file is missing, is not of its format, or says something unknown.
    """
    coefficients = Path(coefficients)
    parameters = coefficients.with_suffix(".snapparam") if parameters is None else Path(parameters)
    elements = _read_coefficients(coefficients)
    values = parameters_of(parameters, read_words(parameters))
    return snap_potential(elements, values, coefficients, parameters)


def snap_potential(
    elements: Sequence[SnapElement], values: dict[str, Any], coefficients: Path, parameters: Path
) -> Potential:
    """The potential of elements and parameters, which were read from two files.

    Raises
    ------
    InputError
        If they do not belong together or say something impossible.
    """
    model = _model(values, elements, parameters)
    per_element = (len(model.features) - len(elements)) // len(elements)
    for element in elements:
        if len(element.coefficients) != per_element + 1:
            raise InputError(
                f"{coefficients}: {element.symbol} has {len(element.coefficients)} coefficients, but "
                f"{parameters} (twojmax {values['twojmax']}, quadraticflag {int(values['quadraticflag'])}, "
                f"chemflag {int(values['chemflag'])}) needs {per_element + 1}; the two files do "
                "not belong together."
            )
    return Potential(
        elements=model.elements,
        plan=model.plan,
        features=model.features,
        coefficients=np.concatenate(
            [[e.coefficients[0] for e in elements], *(e.coefficients[1:] for e in elements)]
        ),
        metadata={"imported": {"format": "snap", "files": [coefficients.name, parameters.name]}},
    )


def _read_coefficients(path: Path) -> list[SnapElement]:
    lines = read_words(path)
    try:
        n_elements, count = int(lines[0][0]), int(lines[0][1])
    except (IndexError, ValueError):
        found = " ".join(lines[0]) if lines else "nothing"
        raise InputError(
            f"{path}: expected the numbers of elements and of coefficients first, found '{found}'; give a "
            ".snapcoeff file."
        ) from None
    if len(lines) != 1 + n_elements * (count + 1):
        raise InputError(
            f"{path}: {n_elements} elements with {count} coefficients take "
            f"{1 + n_elements * (count + 1)} lines, found {len(lines)}; the file is cut off or "
            "has lines too many."
        )
    elements = [_read_element(path, lines[1 + k * (count + 1) :][: count + 1]) for k in range(n_elements)]
    symbols = [element.symbol for element in elements]
    for symbol in symbols:
        if symbols.count(symbol) > 1:
            raise InputError(f"{path}: has {symbol} twice; give each element one block.")
    return elements


def _read_element(path: Path, lines: Sequence[Sequence[str]]) -> SnapElement:
    try:
        symbol, radius, weight = lines[0]
        return SnapElement(
            SYMBOLS[number_of(symbol)],
            float(radius),
            float(weight),
            np.array([float(line[0]) for line in lines[1:]]),
        )
    except ValueError:
        raise InputError(
            f"{path}: in the block that begins with '{' '.join(lines[0])}': expected 'element radius "
            "weight', then one number a line."
        ) from None


def parameters_of(path: Path, lines: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Values of all keywords, from the words of the lines of a file.

    Raises
    ------
    InputError
        If a keyword is unknown or missing, or its value is no number.
    """
    values: dict[str, Any] = dict(_FLAGS) | dict(_NUMBERS)
    for key, *words in lines:
        try:
            if key in _FLAGS:
                values[key] = _flag(words[0])
            elif key in _NUMBERS or key == "rcutfac":
                values[key] = float(words[0])
            elif key == "twojmax":
                values[key] = int(words[0])
            elif key in _PER_ELEMENT:
                values[key] = [float(word) for word in words]
            elif key == "diagonalstyle" and words[:1] != ["3"]:
                raise InputError(f"{path}: diagonalstyle is '{' '.join(words)}', but only 3 is known.")
            elif key not in _IGNORED:
                raise InputError(
                    f"{path}: the keyword '{key}' is unknown; expected one of rcutfac, twojmax, "
                    f"{', '.join([*_NUMBERS, *_FLAGS, *_PER_ELEMENT])}."
                )
        except (IndexError, ValueError):
            raise InputError(
                f"{path}: '{key}' has the value '{' '.join(words)}'; expected a number."
            ) from None
    for key in ("rcutfac", "twojmax"):
        if key not in values:
            raise InputError(f"{path}: the keyword '{key}' is missing; every .snapparam file has it.")
    return values


def _flag(word: str) -> bool:
    if word not in ("0", "1"):
        raise ValueError(word)
    return word == "1"


def _model(values: dict[str, Any], elements: Sequence[SnapElement], path: Path) -> Model:
    symbols = [element.symbol for element in elements]
    switches: dict[str, InnerSwitch] = {}
    if values["switchinnerflag"]:
        for key in _PER_ELEMENT:
            if len(values.get(key, ())) != len(symbols):
                raise InputError(
                    f"{path}: switchinnerflag is 1, so {key} needs {len(symbols)} values (one an element), "
                    f"found {len(values.get(key, ()))}."
                )
        if min(values["sinner"]) < 0.0 or min(values["dinner"]) <= 0.0:
            raise InputError(f"{path}: every sinner must be at least 0, and every dinner above 0.")
        switches = {
            symbol: InnerSwitch(centre=centre, half_width=width)
            for symbol, centre, width in zip(symbols, values["sinner"], values["dinner"], strict=True)
        }
    try:
        descriptor = _descriptor(values, elements, switches)
    except ValidationError as error:
        problem = error.errors()[0]
        name = str(problem["loc"][0])
        raise InputError(
            f"{path}: '{_KEYS.get(name, name)}' is {problem['input']}; "
            f"{problem['msg'].replace('Input', 'it', 1)}."
        ) from None
    regressor = QuadraticSettings(kind="quadratic") if values["quadraticflag"] else LinearSettings()
    settings = ModelSettings(
        terms=(TermSettings(descriptor=descriptor, regressor=regressor),), repulsion=None
    )
    try:
        return build_model(settings, [number_of(symbol) for symbol in symbols])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _descriptor(
    values: dict[str, Any], elements: Sequence[SnapElement], switches: dict[str, InnerSwitch]
) -> BispectrumSettings:
    return BispectrumSettings(
        cutoff=values["rcutfac"],
        twojmax=values["twojmax"],
        rfac0=values["rfac0"],
        rmin0=values["rmin0"],
        switching=values["switchflag"],
        shifted=values["bzeroflag"],
        explicit_elements=values["chemflag"],
        normalised=values["bnormflag"],
        self_in_all=values["wselfallflag"] and values["chemflag"],
        weights={element.symbol: element.weight for element in elements},
        radii={element.symbol: element.radius for element in elements},
        inner_switch=switches,
    )


def _require_snap(potential: Potential, part: Mapping[str, Any], path: Path) -> None:
    """Refuse what a SNAP file cannot say of a bispectrum."""
    require_no_global_features(potential, path)
    regressor = part.get("regressor", {"kind": "quadratic"})["kind"]
    if regressor != "quadratic":
        raise InputError(
            f"{path}: a SNAP file holds linear and quadratic potentials, but this one has the regressor "
            f"{regressor}."
        )
    n = len(potential.elements)
    switch = np.asarray(part["inner_switch"]).reshape(n, n, 2)
    own = switch[range(n), range(n)]
    mean = 0.5 * (own[:, None] + own[None, :])
    if switch.any() and (np.any(own[:, 1] == 0.0) or not np.allclose(switch, mean, rtol=1e-12)):
        raise InputError(
            f"{path}: a SNAP file has an inner switch for every element or for none, and the mean of both "
            "for a pair, but in this potential some pairs have none; give every element one in "
            "descriptor.inner_switch."
        )


def write_snap(potential: Potential, coefficients: str | Path, parameters: str | Path | None = None) -> str:
    """Write a potential made of one bispectrum as .snapcoeff and .snapparam.

    A repulsion and pair functions are written beside, as a table of LAMMPS, with the input that uses both
    (.snap).

    Parameters
    ----------
    potential
        Reference energies and one bispectrum, linear or quadratic, and sums over pairs.
    coefficients, parameters
        Where to; by default the second is the first with the suffix .snapparam.

    Returns
    -------
    lines
        Of an input of LAMMPS that uses what was written.

    Raises
    ------
    InputError
        If the potential has anything else, which the format cannot hold.
    """
    coefficients = Path(coefficients)
    parameters = coefficients.with_suffix(".snapparam") if parameters is None else Path(parameters)
    rest, pairs = without_pair_energies(potential)
    kinds = [part["kind"] for part in rest.plan["parts"]]
    if kinds != ["e0", "bispectrum"]:
        raise InputError(
            f"{coefficients}: a SNAP file holds only reference energies and one bispectrum, but this "
            f"potential has the parts {', '.join(kinds)}; fit with one bispectrum term, to which pair "
            "functions and a repulsion may be added."
        )
    part = rest.plan["parts"][1]
    _require_snap(rest, part, coefficients)
    files = f"{coefficients.name} {parameters.name}"
    lines = write_beside(coefficients, "snap", files, pairs, rest.elements)
    comments = ["written by atomsmith"]
    if pairs:
        script = coefficients.with_suffix(".snap")
        comments.append(f"one part of the potential; {script.name} is the whole")
        with replacing(script) as file:
            file.write("# written by atomsmith\n" + "\n".join(lines) + "\n")
    head = "".join(f"# {comment}\n" for comment in comments)
    with replacing(coefficients) as file:
        file.write(head + "\n".join(_coefficient_lines(rest, part)) + "\n")
    with replacing(parameters) as file:
        file.write(head + "\n".join(_parameter_lines(part, len(rest.elements))) + "\n")
    return "\n".join(lines)


def _parameter_lines(part: Mapping[str, Any], n: int) -> list[str]:
    switches = np.asarray(part["inner_switch"]).reshape(n, n, 2)[range(n), range(n)]
    inner = bool(np.any(part["inner_switch"]))
    chem = part["n_channels"] > 1
    values = {
        "rcutfac": 1.0,
        "twojmax": part["twojmax"],
        "rfac0": part["rfac0"],
        "rmin0": part["rmin0"],
        "switchflag": int(part["switching"]),
        "bzeroflag": int(bool(np.any(part["shift"]))),
        "quadraticflag": int("regressor" in part),
        "chemflag": int(chem),
        "bnormflag": int(part["normalised"]),
        "wselfallflag": int(chem and bool(np.all(part["self_weight"]))),
        "switchinnerflag": int(inner),
    }
    lines = [f"{key} {value!r}" for key, value in values.items()]
    if inner:
        lines += [
            f"{key} {' '.join(repr(float(value)) for value in column)}"
            for key, column in zip(_PER_ELEMENT, switches.T, strict=True)
        ]
    return lines


def _coefficient_lines(potential: Potential, part: Mapping[str, Any]) -> list[str]:
    n = len(potential.elements)
    cutoff = np.asarray(part["cutoff"]).reshape(n, n)
    per_element = (len(potential.coefficients) - n) // n
    lines = [f"{n} {per_element + 1}"]
    for z, number in enumerate(potential.elements):
        own = potential.coefficients[n + z * per_element :][:per_element]
        lines.append(f"{SYMBOLS[number]} {float(cutoff[z, z]) / 2!r} {float(part['weight'][z])!r}")
        lines += [repr(float(value)) for value in (potential.coefficients[z], *own)]
    return lines
