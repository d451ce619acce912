"""Gaussian approximation potentials of QUIP: gap.xml with soap, distance_2b, angle_3b and distance_Nb.

Bartok, Payne, Kondor, Csanyi, Phys. Rev. Lett. 104, 136403 (2010); Bartok, Csanyi, Int. J. Quantum Chem. 115,
1051 (2015). Descriptors soap with a dot-product kernel become ``soap`` parts with sparse points; the kernels
of pairs add up to one function of the distance, a ``pair`` part; those of triplets are a ``three_body`` part.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.elements import SYMBOLS, number_of
from atomsmith.errors import InputError
from atomsmith.exchange.quip.gap_file import (
    DOT_PRODUCT,
    SQUARED_EXPONENTIAL,
    Coordinates,
    GapFile,
    read_gap_file,
)
from atomsmith.exchange.quip.kernels import CLUSTERS, kernel_terms
from atomsmith.exchange.quip.keys import INSTEAD
from atomsmith.exchange.quip.soap import SoapTerm, soap_term
from atomsmith.exchange.quip.soap_turbo import TurboTerm, turbo_term
from atomsmith.potential import Potential
from atomsmith.systems import FloatArray


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
    try:
        numbers = file.elements if elements is None else tuple(number_of(symbol) for symbol in elements)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if numbers is None:
        raise InputError(
            f"{path}: the file does not say which elements it is for; name them: "
            "`atomsmith import gap.xml --elements Si`."
        )
    try:
        parts, coefficients = _parts(file, numbers, path.parent)
        coefficients = [file.scale * values for values in coefficients]
        if file.core is not None:
            core, weights = file.core.part(numbers)
            parts, coefficients = [core, *parts], [weights, *coefficients]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    e0 = file.scale * np.array([file.e0.get(z, file.other_e0) for z in numbers])
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
    file: GapFile, elements: tuple[int, ...], folder: Path
) -> tuple[list[DescriptorPart], list[FloatArray]]:
    """Parts with their coefficients."""
    groups: defaultdict[SoapTerm, list[Coordinates]] = defaultdict(list)
    turbo: defaultdict[TurboTerm, list[Coordinates]] = defaultdict(list)
    before: TurboTerm | None = None
    kernels: list[Coordinates] = []
    for one in file.coordinates:
        if one.kind == "soap" and one.covariance == DOT_PRODUCT:
            groups[SoapTerm.of(one, file.version)].append(one)
        elif one.kind == "soap_turbo" and one.covariance == DOT_PRODUCT:
            before = TurboTerm.of(one, file.version).after(before)
            turbo[before].append(one)
        elif one.kind in ("distance_2b", "angle_3b", CLUSTERS) and one.covariance == SQUARED_EXPONENTIAL:
            kernels.append(one)
        else:
            raise InputError(
                f"the descriptor {one.kind} with covariance_type {one.covariance} is not supported; only "
                "soap and soap_turbo with dot_product (2), and distance_2b, angle_3b and distance_Nb with "
                f"ard_se (1) are; {INSTEAD}."
            )
    made = kernel_terms(kernels, elements, file.version)
    made += [soap_term(settings, members, elements) for settings, members in groups.items()]
    made += [turbo_term(settings, members, elements, folder) for settings, members in turbo.items()]
    return [part for part, _ in made], [values for _, values in made]
