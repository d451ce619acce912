"""SNAPs in the files of LAMMPS' ``pair_style mliap``: coefficients (``model linear`` or ``quadratic``) and
parameters (``descriptor sna``), which say the same as .snapcoeff and .snapparam.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from atomsmith.data.files import read_words
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.snap import SnapElement, parameters_of, snap_potential
from atomsmith.potential import Potential
from atomsmith.systems import FloatArray

MODELS = ("linear", "quadratic")
_ELEMENTS = ("elems", "radelems", "welems")


def read_mliap(model: Path, descriptor: Path, kind: str) -> Potential:
    """Read a potential of bispectra.

    Parameters
    ----------
    model, descriptor
        Its two files.
    kind
        Of the model, one of `MODELS`.

    Raises
    ------
    InputError
        If a file is missing, is not of its format, or says something unknown.
    """
    words = read_words(descriptor)
    columns = {key: rest for key, *rest in words if key in _ELEMENTS}
    for key in _ELEMENTS:
        if len(columns.get(key, ())) != len(columns.get("elems", ("",))):
            raise InputError(f"{descriptor}: '{key}' needs one value for each element in 'elems'.")
    values = parameters_of(descriptor, [line for line in words if line[0] not in (*_ELEMENTS, "nelems")])
    values["quadraticflag"] = kind == "quadratic"
    coefficients = _coefficients(model, len(columns["elems"]))
    try:
        elements = [
            SnapElement(SYMBOLS[number_of(symbol)], float(radius), float(weight), own)
            for symbol, radius, weight, own in zip(
                *(columns[key] for key in _ELEMENTS), coefficients, strict=True
            )
        ]
    except ValueError:
        raise InputError(f"{descriptor}: radelems and welems must be numbers.") from None
    return snap_potential(elements, values, model, descriptor)


def _coefficients(path: Path, n_elements: int) -> FloatArray:
    """One row for each element."""
    words = [word for line in read_words(path) for word in line]
    try:
        found, count = int(words[0]), int(words[1])
        values = np.array([float(word) for word in words[2:]])
    except (IndexError, ValueError):
        raise InputError(
            f"{path}: expected the numbers of elements and of coefficients, then the coefficients; is this a "
            "model of pair_style mliap?"
        ) from None
    if found != n_elements or values.size != found * count:
        raise InputError(
            f"{path}: has {values.size} coefficients, {count} for each of {found} elements; expected as many "
            f"for {n_elements} elements, as in the descriptor."
        )
    return values.reshape(found, count)
