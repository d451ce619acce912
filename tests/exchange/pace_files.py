"""PACE models made up for tests, and files of them."""

# ruff: noqa: E741 (l is the field's name of the angular degree)

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np

from atomsmith.exchange.pace.model import Bond, Embedding, Function, PaceModel

SHIFTED, PLAIN = "FinnisSinclairShiftedScaled", "FinnisSinclair"


def combinations_of_m(l: np.ndarray) -> np.ndarray:
    """All m with sum 0, one of m and -m each."""
    rows = [m for m in product(*(range(-k, k + 1) for k in l)) if sum(m) == 0]
    return np.array([m for m in rows if m >= tuple(-k for k in m)], dtype=np.int32)


def random_function(rng, n_species, n_max, l_max, rank, n_densities) -> Function:
    """Any products whose m add up to 0, in any order and some twice; no rotational invariance."""
    l = rng.integers(0, l_max + 1, rank).astype(np.int32) if rank > 1 else np.zeros(1, np.int32)
    m = combinations_of_m(l)
    m = m[rng.integers(0, len(m), min(4, len(m)))] * rng.choice([-1, 1], (min(4, len(m)), 1))
    if rank == 1:
        m = m[:1]
    return Function(
        species=rng.integers(0, n_species, rank).astype(np.int32),
        n=rng.integers(1, n_max + 1, rank).astype(np.int32),
        l=l,
        m=m.astype(np.int32),
        coefficients=rng.normal(scale=0.2, size=(len(m), n_densities)),
    )


def random_model(
    symbols=("Al", "Ni"), core="density", seed=0, n_densities=(2, 3), ranks=(1, 2, 3, 4, 5, 6), bin_width=0.01
) -> PaceModel:
    """A model with other radial functions on every bond, and other densities on every centre."""
    rng = np.random.default_rng(seed)
    n = len(symbols)
    bases = ["ChebPow", "SBessel", "ChebExpCos", "ChebLinear"]
    sizes = [(3, 3, 5), (2, 4, 4), (3, 2, 6), (2, 3, 3)]
    bonds = []
    for pair in range(n * n):
        shape = sizes[pair % 4]
        bonds.append(
            Bond(
                basis=bases[pair % 4],
                parameter=1.5 + 0.5 * (pair % 3),
                cutoff=4.0 + 0.2 * (pair % 3),
                width=0.3 if core != "zbl" else 1.5,
                core_prefactor=30.0 if core != "zbl" else 1.0,
                core_exponent=0.8,
                inner_cutoff=2.6 + 0.1 * (pair % 2) if core != "density" else 0.0,
                inner_width=0.7 if core != "density" else 0.0,
                coefficients=rng.normal(scale=0.5, size=shape),
            )
        )
    rows = tuple(tuple(bonds[i * n : (i + 1) * n]) for i in range(n))
    n_max, l_max, k_max = (max(b.coefficients.shape[axis] for b in bonds) for axis in range(3))
    embeddings, functions = [], []
    for centre in range(n):
        count = n_densities[centre % len(n_densities)]
        embeddings.append(
            Embedding(
                name=SHIFTED if centre % 2 == 0 else PLAIN,
                prefactor=rng.normal(size=count),
                exponent=np.array([1.0, 0.5, 1.7, 0.8])[:count],
                core_cutoff=1.0,
                core_width=0.95,
            )
        )
        functions.append(
            tuple(
                random_function(rng, n, k_max if rank == 1 else n_max, l_max - 1, rank, count)
                for rank in ranks
                for _ in range(4 if rank < 5 else 1)
            )
        )
    return PaceModel(
        symbols=tuple(symbols),
        e0=rng.normal(size=n),
        bin_width=bin_width,
        core=core,
        embeddings=tuple(embeddings),
        bonds=rows,
        functions=tuple(functions),
    )


def _list(values) -> str:
    if isinstance(values, np.ndarray) and values.ndim > 1:
        return "[" + ", ".join(_list(row) for row in values) + "]"
    return "[" + ", ".join(repr(value) for value in np.asarray(values).tolist()) + "]"


def yace(model: PaceModel) -> str:
    """Text of a ``.yace`` file."""
    lines = [
        f"elements: [{', '.join(model.symbols)}]",
        f"E0: {_list(model.e0)}",
        f"deltaSplineBins: {model.bin_width!r}",
        "embeddings:",
    ]
    for z, e in enumerate(model.embeddings):
        parameters = np.stack([e.prefactor, e.exponent], axis=1).ravel()
        lines.append(
            f"  {z}: {{ndensity: {len(e.prefactor)}, FS_parameters: {_list(parameters)}, npoti: {e.name}, "
            f"rho_core_cutoff: {e.core_cutoff!r}, drho_core_cutoff: {e.core_width!r}}}"
        )
    lines.append("bonds:")
    for i, row in enumerate(model.bonds):
        for j, b in enumerate(row):
            n, l, k = b.coefficients.shape
            lines.append(
                f"  [{i}, {j}]: {{nradmax: {n}, lmax: {l - 1}, nradbasemax: {k}, radbasename: {b.basis}, "
                f"radparameters: [{b.parameter!r}], radcoefficients: {_list(b.coefficients)}, "
                f"prehc: {b.core_prefactor!r}, lambdahc: {b.core_exponent!r}, rcut: {b.cutoff!r}, "
                f"dcut: {b.width!r}, rcut_in: {b.inner_cutoff!r}, dcut_in: {b.inner_width!r}, "
                f"inner_cutoff_type: {model.core}}}"
            )
    lines.append("functions:")
    for z, functions in enumerate(model.functions):
        lines.append(f"  {z}:")
        lines += [
            f"    - {{mu0: {z}, rank: {f.rank}, ndensity: {f.coefficients.shape[1]}, "
            f"num_ms_combs: {len(f.m)}, mus: {_list(f.species)}, ns: {_list(f.n)}, ls: {_list(f.l)}, "
            f"ms_combs: {_list(f.m.ravel())}, ctildes: {_list(f.coefficients.ravel())}}}"
            for f in functions
        ]
    return "\n".join(lines) + "\n"


def ace(model: PaceModel) -> str:
    """Text of an ``.ace`` file; the model must have what this format can say."""
    n = len(model.symbols)
    bonds = [bond for row in model.bonds for bond in row]
    first = model.embeddings[0]
    n_max, l, k_max = bonds[0].coefficients.shape
    n_densities = len(first.prefactor)
    parameters = np.stack([first.prefactor, first.exponent], axis=1).ravel()

    def words(values):
        return " ".join(repr(float(value)) for value in values)

    switches = [value for e in model.embeddings for value in (e.core_cutoff, e.core_width)]
    lines = [
        "# made up",
        f"nelements={n}",
        f"elements: {' '.join(model.symbols)}",
        f"\nlmax={l - 1}\n",
        f"embedding-function: {first.name}",
        f"{len(parameters)} FS parameters: {words(parameters)}",
        f"core energy-cutoff parameters: {words(switches)}",
        f"E0: {words(model.e0)}",
        f"\nradbasename={bonds[0].basis}\nnradbase={k_max}\nnradmax={n_max}\ncutoffmax=9.0",
        f"deltaSplineBins={model.bin_width!r}",
        f"core repulsion parameters: {words(v for b in bonds for v in (b.core_prefactor, b.core_exponent))}",
        f"radparameter= {words(b.parameter for b in bonds)}",
        f"cutoff= {words(b.cutoff for b in bonds)}",
        f"dcut= {words(b.width for b in bonds)}",
        f"crad= {words(v for b in bonds for v in np.moveaxis(b.coefficients, 2, 0).ravel())}",
        f"\nrankmax=6\nndensitymax={n_densities}\n\nnum_c_tilde_max=99\nnum_ms_combinations_max=99",
    ]
    for name, wanted in (("total_basis_size_rank1", True), ("total_basis_size", False)):
        chosen = [[f for f in functions if (f.rank == 1) == wanted] for functions in model.functions]
        lines.append(f"{name}: {' '.join(str(len(functions)) for functions in chosen)}")
        for z, functions in enumerate(chosen):
            for f in functions:
                lines += [
                    f"ctilde_basis_func: rank={f.rank} ndens={n_densities} mu0={z} "
                    f"mu=( {' '.join(map(str, f.species))} )",
                    f"n=( {' '.join(map(str, f.n))} )\nl=( {' '.join(map(str, f.l))} )\nnum_ms={len(f.m)}",
                    *(
                        f"< {' '.join(map(str, m))} >:  {words(c)}"
                        for m, c in zip(f.m, f.coefficients, strict=True)
                    ),
                ]
    return "\n".join(lines) + "\n"


def write(model: PaceModel, path: Path) -> Path:
    """Write a file in the format of its suffix."""
    path.write_text(ace(model) if path.suffix == ".ace" else yace(model))
    return path
