"""Reads ``.ace``: the older text form of the C-tilde basis of PACE.

The format says one radial basis and one embedding, which hold for every element, and one number of radial
functions; everything with a pair index stands in the order of (centre, neighbour).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from atomsmith.data.files import read_text
from atomsmith.errors import InputError
from atomsmith.exchange.pace.model import (
    EMBEDDINGS,
    Bond,
    Embedding,
    EmbeddingName,
    Function,
    PaceModel,
    check,
    polynomial_bond,
)
from atomsmith.exchange.pace.polynomials import PREFIX, SPACING, PairPotential, Polynomials
from atomsmith.systems import FloatArray, IntArray

_WORDS = re.compile(r"[^\s()<>=:]+|[()<>=:]")


def read_ace(path: str | Path) -> PaceModel:
    """Read an ``.ace`` file.

    Raises
    ------
    InputError
        If it is not one, or says something that is not known.
    """
    return _Reader(path).model()


class _Reader:
    """Words of the file and the place reached in them; a name must stand where the format has it."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        text = read_text(path)
        start = text.find("nelements")
        if start < 0:
            raise InputError(f"{path} has no 'nelements='; is this an .ace file?")
        self.first_line = text.count("\n", 0, start) + 1
        self.text = text[start:]
        self.matches = list(_WORDS.finditer(self.text))
        self.at = 0

    def model(self) -> PaceModel:
        n = self.one_int("nelements", "=")
        if not 1 <= n <= 100:
            raise self.error(f"nelements is {n}; expected 1 to 100")
        self.name("elements", ":")
        symbols = tuple(self.word() for _ in range(n))
        l_max = self.one_int("lmax", "=")
        embedding_name, parameters = self.embedding()
        self.name("core", "energy-cutoff", "parameters", ":")
        core = self.floats(2 * n).reshape(n, 2)
        e0 = np.zeros(n)
        if self.optional("E0", ":"):
            e0 = self.floats(n)
        bonds, bin_width = self.bonds(n, l_max)
        self.one_int("rankmax", "=")
        n_densities = self.one_int("ndensitymax", "=")
        self.one_int("num_c_tilde_max", "=")
        self.one_int("num_ms_combinations_max", "=")
        if len(parameters) < 2 * n_densities:
            raise self.error(
                f"{len(parameters)} FS parameters for {n_densities} densities; expected two for each"
            )
        functions = self.functions(n)
        model = PaceModel(
            symbols=symbols,
            e0=e0,
            bin_width=bin_width,
            core="density",
            embeddings=tuple(
                Embedding(
                    name=embedding_name,
                    prefactor=parameters[: 2 * n_densities : 2].copy(),
                    exponent=parameters[1 : 2 * n_densities : 2].copy(),
                    core_cutoff=float(cutoff),
                    core_width=float(width),
                )
                for cutoff, width in core
            ),
            bonds=bonds,
            functions=functions,
        )
        check(model, self.path)
        return model

    def embedding(self) -> tuple[EmbeddingName, FloatArray]:
        """Name and parameters; a file without a name means FinnisSinclair, if it is linear."""
        named = self.optional("embedding-function", ":")
        name = self.word() if named else EMBEDDINGS[0]
        known = next((known for known in EMBEDDINGS if known == name), None)
        if known is None:
            raise self.error(f"embedding-function is {name!r}; known are {', '.join(EMBEDDINGS)}")
        count = self.integer()
        self.name("FS", "parameters", ":")
        parameters = self.floats(count)
        if not named and (parameters[1::2] != 1.0).any():
            raise self.error(
                "exponents other than 1 need an 'embedding-function:' line before the FS parameters"
            )
        return known, parameters

    def bonds(self, n: int, l_max: int) -> tuple[tuple[tuple[Bond, ...], ...], float]:
        self.name("radbasename", "=")
        basis = self.word()
        if basis.startswith(PREFIX):
            return self.polynomial_bonds(basis, n, l_max), SPACING
        k_max = self.one_int("nradbase", "=")
        n_max = self.one_int("nradmax", "=")
        self.name("cutoffmax", "=")
        self.number()
        self.name("deltaSplineBins", "=")
        bin_width = self.number()
        self.name("core", "repulsion", "parameters", ":")
        core = self.floats(2 * n * n).reshape(n, n, 2)
        values = []
        for name in ("radparameter", "cutoff", "dcut"):
            self.name(name, "=")
            values.append(self.floats(n * n).reshape(n, n))
        self.name("crad", "=")
        crad = self.floats(n * n * k_max * n_max * (l_max + 1)).reshape(n, n, k_max, n_max, l_max + 1)
        parameter, cutoff, width = values
        return tuple(
            tuple(
                Bond(
                    basis=basis,
                    parameter=float(parameter[i, j]),
                    cutoff=float(cutoff[i, j]),
                    width=float(width[i, j]),
                    core_prefactor=float(core[i, j, 0]),
                    core_exponent=float(core[i, j, 1]),
                    inner_cutoff=0.0,
                    inner_width=0.0,
                    coefficients=np.ascontiguousarray(np.moveaxis(crad[i, j], 0, 2)),
                )
                for j in range(n)
            )
            for i in range(n)
        ), bin_width

    def polynomial_bonds(self, basis: str, n: int, l_max: int) -> tuple[tuple[Bond, ...], ...]:
        """The radial functions of ACE.jl and its pair potential."""
        if n != 1:
            raise self.error(f"{basis} is for one element in this format; found {n}")
        self.name("haspair", ":")
        has_pair = self.word()
        own = self.polynomials()
        pair = None
        if has_pair == "t":
            self.name("begin", "repulsive", "potential", "begin", "polypairpot")
            polynomials = self.polynomials()
            self.name("coefficients")
            coefficients = self.floats(len(polynomials.recursion))
            self.name("end", "polypairpot", "spline", "parameters")
            while not self.optional("ri", "="):  # over the formula
                self.word()
            ri = self.number()
            e0, a, b = (self.one_number(name, "=") for name in ("e0", "A", "B"))
            self.name("end", "repulsive", "potential")
            pair = PairPotential(polynomials, coefficients, (ri, e0, a, b))
        cutoff = max(own.cutoff, pair.polynomials.cutoff if pair else 0.0)
        return ((polynomial_bond(basis, own, pair, cutoff, l_max),),)

    def polynomials(self) -> Polynomials:
        self.name("transform", "parameters", ":")
        power, reference = self.one_int("p", "="), self.one_number("r0", "=")
        self.name("cutoff", "parameters", ":")
        cutoff, left, right = (self.one_number(name, "=") for name in ("rcut", "xl", "xr"))
        end_powers = self.one_int("pl", "="), self.one_int("pr", "=")
        self.name("recursion", "coefficients", ":")
        count = self.one_int("maxn", "=")
        if count < 1 or min(end_powers) < 0:
            raise self.error(f"maxn is {count}, pl and pr are {end_powers}; expected positive numbers")
        found = Polynomials(
            power, reference, cutoff, (left, right), end_powers, self.floats(3 * count).reshape(count, 3)
        )
        self.test_polynomials(found)
        return found

    def test_polynomials(self, polynomials: Polynomials) -> None:
        """Compare with the values and slopes that the file gives at some distances."""
        self.name("tests", ":")
        for _ in range(self.one_int("ntests", "=")):
            r = self.one_number("r", "=")
            given = self.floats(2 * len(polynomials.recursion)).reshape(-1, 2)
            found = np.concatenate(polynomials(np.array([r])), axis=0).T
            if not np.allclose(found, given, rtol=1e-6, atol=1e-6 * max(1.0, float(np.abs(given).max()))):
                raise self.error(f"the polynomials at r = {r:g} differ from the values that the file gives")

    def functions(self, n: int) -> tuple[tuple[Function, ...], ...]:
        functions: list[list[Function]] = [[] for _ in range(n)]
        for name in ("total_basis_size_rank1", "total_basis_size"):
            self.name(name, ":")
            for centre, count in enumerate([self.integer() for _ in range(n)]):
                functions[centre] += [self.function(centre) for _ in range(count)]
        if self.at < len(self.matches):
            raise self.error(f"{self.matches[self.at].group()!r} stands after the last function")
        return tuple(map(tuple, functions))

    def function(self, centre: int) -> Function:
        self.name("ctilde_basis_func", ":")
        rank = self.one_int("rank", "=")
        densities = self.one_int("ndens", "=")
        found = self.one_int("mu0", "=")
        if found != centre:
            raise self.error(f"mu0 is {found}; expected {centre}")
        if not (1 <= rank <= 64 and densities >= 1):
            raise self.error(f"rank is {rank} and ndens is {densities}; expected positive numbers")
        species, n, l = (self.bracketed(name, rank) for name in ("mu", "n", "l"))  # noqa: E741
        products = self.one_int("num_ms", "=")
        m = np.empty((products, rank), dtype=np.int32)
        coefficients = np.empty((products, densities))
        for k in range(products):
            self.name("<")
            m[k] = [self.integer() for _ in range(rank)]
            self.name(">", ":")
            coefficients[k] = self.floats(densities)
        return Function(species, n, l, m, coefficients)

    def bracketed(self, name: str, count: int) -> IntArray:
        self.name(name, "=", "(")
        values = np.array([self.integer() for _ in range(count)], dtype=np.int32)
        self.name(")")
        return values

    def word(self) -> str:
        if self.at == len(self.matches):
            raise InputError(f"{self.path} ends too early; the file is not complete.")
        self.at += 1
        return self.matches[self.at - 1].group()

    def name(self, *words: str) -> None:
        for word in words:
            found = self.word()
            if found != word:
                raise self.error(f"found {found!r}, expected {word!r}")

    def optional(self, *words: str) -> bool:
        ahead = tuple(match.group() for match in self.matches[self.at : self.at + len(words)])
        if ahead == words:
            self.at += len(words)
        return ahead == words

    def number(self) -> float:
        word = self.word()
        try:
            value = float(word)
        except ValueError:
            raise self.error(f"found {word!r}, expected a number") from None
        if not np.isfinite(value):
            raise self.error(f"found {word!r}, expected a finite number")
        return value

    def integer(self) -> int:
        word = self.word()
        try:
            return int(word)
        except ValueError:
            raise self.error(f"found {word!r}, expected a whole number") from None

    def one_int(self, *name: str) -> int:
        self.name(*name)
        return self.integer()

    def one_number(self, *name: str) -> float:
        self.name(*name)
        return self.number()

    def floats(self, count: int) -> FloatArray:
        return np.array([self.number() for _ in range(count)])

    def error(self, problem: str) -> InputError:
        place = self.matches[max(self.at - 1, 0)].start()
        line = self.first_line + self.text.count("\n", 0, place)
        return InputError(f"{self.path} line {line}: {problem}.")
