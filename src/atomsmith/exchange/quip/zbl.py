"""The universal repulsion of QUIP (IP ZBL), as it stands beside a Gaussian approximation potential.

Ziegler, Biersack, Littmark, The Stopping and Range of Ions in Matter (1985), with QUIP's constants, cutoff
and switch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from atomsmith.descriptors.base import DescriptorPart, FeatureInfo
from atomsmith.descriptors.quintic import Tabulated, quintic_table, smooth
from atomsmith.elements import SYMBOLS
from atomsmith.exchange.quip import attributes as xml
from atomsmith.systems import FloatArray

_COULOMB = float(np.float32(14.3996458521))
"""e^2 / (4 pi epsilon_0) in eV angstrom, in single precision as QUIP has it."""
_DEFAULTS = {
    "a_pre_exp": 0.46850,
    "a_exp": 0.23,
    "p_pre_exp_1": 0.18175,
    "p_exp_1": -3.19980,
    "p_pre_exp_2": 0.50986,
    "p_exp_2": -0.94229,
    "p_pre_exp_3": 0.28022,
    "p_exp_3": -0.40290,
    "p_pre_exp_4": 0.02817,
    "p_exp_4": -0.20162,
    "E_scale": 1.0,
    "cutoff": 0.0,
    "cutoff_width": 0.0,
}
_STRAIGHT = 0.2
"""Distance in angstrom below which the energy goes on in a straight line."""
_SCALE = 0.09
"""Of the tables in angstrom: 1 / r is then good to 1e-12 from there on."""


@dataclass(frozen=True)
class Zbl:
    """Screened Coulomb repulsion.

    Attributes
    ----------
    values
        QUIP's settings by name.
    shifted
        Whether it is zero at the cutoff.
    """

    values: dict[str, float]
    shifted: bool

    @property
    def elements(self) -> tuple[int, ...]:
        """Elements that it names: none, it is for all."""
        return ()

    def energy(self, first: int, second: int, r: FloatArray) -> FloatArray:
        """Energy of two atoms in eV before the switch, at distances in angstrom."""
        v = self.values
        length = v["a_pre_exp"] / (float(first) ** v["a_exp"] + float(second) ** v["a_exp"])

        def screened(at: FloatArray) -> FloatArray:
            terms = [v[f"p_pre_exp_{k}"] * np.exp(v[f"p_exp_{k}"] * at / length) for k in range(1, 5)]
            return np.asarray(_COULOMB * first * second / at * sum(terms), dtype=np.float64)

        shift = screened(np.array(v["cutoff"])) if self.shifted else 0.0
        return np.asarray(v["E_scale"] * (screened(r) - shift), dtype=np.float64)

    def part(self, elements: Sequence[int]) -> tuple[DescriptorPart, FloatArray]:
        """Part of a plan, one function for every unordered pair of elements, and its coefficients."""
        n = len(elements)
        pairs = list(combinations_with_replacement(range(n), 2))
        index = np.zeros((n, n), dtype=np.int32)
        for position, (i, j) in enumerate(pairs):
            index[i, j] = index[j, i] = position
        tables = [self._table(int(elements[i]), int(elements[j])) for i, j in pairs]
        info = FeatureInfo(
            order=np.ones(len(pairs), dtype=np.int32),
            degree=np.zeros(len(pairs)),
            smoothness=np.ones(len(pairs)),
            elements=tuple((int(elements[i]), int(elements[j])) for i, j in pairs),
            labels=tuple(f"{SYMBOLS[elements[i]]}-{SYMBOLS[elements[j]]} ZBL" for i, j in pairs),
        )
        part = {
            "kind": "pair",
            "n_features": len(pairs),
            "radial": quintic_table(tables, index.reshape(-1)),
            "first_feature": index.reshape(-1),
        }
        return DescriptorPart(part, info), np.full(len(pairs), 0.5)

    def _table(self, first: int, second: int) -> Tabulated:
        cutoff, width = self.values["cutoff"], self.values["cutoff_width"]
        whole = smooth(lambda r: self.energy(first, second, r)[:, None], _SCALE)
        low = np.array([_STRAIGHT - 1.0e-6, _STRAIGHT, _STRAIGHT + 1.0e-6])
        value, slope = whole(low)[1, :2, 0]

        def straight(r: FloatArray) -> FloatArray:
            values = value + slope * (r - _STRAIGHT)
            return np.stack([values, np.full_like(r, slope), np.zeros_like(r)], axis=1)[:, :, None]

        beyond: list[tuple[float, Callable[[FloatArray], FloatArray]]] = [(_STRAIGHT, whole)]
        if width > 0.0:
            begin = cutoff - width

            def switched(r: FloatArray) -> FloatArray:
                x = (r - begin) / width
                switch = 1.0 - x**4 * (35.0 - 84.0 * x + 70.0 * x**2 - 20.0 * x**3)
                return (self.energy(first, second, r) * switch)[:, None]

            beyond.append((begin, smooth(switched, _SCALE)))
        return Tabulated(straight, cutoff, 0.0, _SCALE, tuple(beyond))


def read_zbl(path: Path, arguments: str) -> Zbl:
    """Read the arguments of a potential 'IP ZBL'.

    Raises
    ------
    InputError
        If they have no cutoff, or what is not supported.
    """
    found = dict(re.findall(r"(\w+)=(\S+)", arguments))
    found.pop("label", None)
    shifted = found.pop("shift_cutoff", "F").strip(".").upper().startswith("T")
    if found.pop("cutoff_scale_cov_rad", "F").strip(".").upper().startswith("T"):
        xml.refuse(path, f"its Potential has '{arguments}', but cutoffs of covalent radii are not supported")
    try:
        values = _DEFAULTS | {key: float(value) for key, value in found.items()}
    except ValueError:
        xml.refuse(path, f"its Potential has '{arguments}', of which some value is not a number")
    if set(values) != set(_DEFAULTS):
        xml.refuse(
            path, f"its Potential has '{arguments}', but {sorted(set(values) - set(_DEFAULTS))} are not known"
        )
    cutoff, width = values["cutoff"], values["cutoff_width"]
    if cutoff <= _STRAIGHT or not 0.0 <= width < cutoff - _STRAIGHT:
        xml.refuse(
            path,
            f"its Potential has '{arguments}', but only ZBL with a cutoff beyond {_STRAIGHT} angstrom, and a "
            "cutoff_width within it, is supported",
        )
    return Zbl(values, shifted)
