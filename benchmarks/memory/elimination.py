"""Share of the multiply-add peak that the elimination of rows reaches, and what Cholesky would gain.

    python -m benchmarks.memory.elimination [--sizes 300 500 1000] [--repeats 7] [--json FILE]

A block of m rows against a triangle of n columns costs 2 m n^2 floating-point operations with Householder
reflections, the floor for a method that forms no normal equations. The peak is that of the matrix product in
the same run. Compared are `TriangularFactor` (copying and checking the rows included), LAPACK's
triangular-pentagonal QR alone, a QR of the block from nothing, and a Cholesky QR that is preconditioned with
the triangle so far: Y = B R^-1, S^T S = 1 + Y^T Y, R <- S R, also 2 m n^2 operations, all in matrix products.
Its accuracy is compared on a design matrix of condition 1e6.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.linalg import blas, lapack, solve_triangular

from atomsmith.fitting import TriangularFactor
from atomsmith.fitting.rows.blas import single_threaded
from atomsmith.systems import FloatArray
from benchmarks.timing import interleaved, machine, parser, summary, write

PANEL = 32


def householder(triangle: FloatArray, block: FloatArray) -> FloatArray:
    """Triangle of both, by reflections."""
    updated, *_ = lapack.dtpqrt(0, PANEL, triangle, block)
    return np.asarray(updated)


def preconditioned_cholesky(triangle: FloatArray, block: FloatArray) -> FloatArray:
    """Triangle of both, by the normal equations of the block in units of the triangle."""
    scaled = blas.dtrsm(1.0, triangle, block, side=1)
    gram = blas.dsyrk(1.0, scaled, trans=1)
    gram[np.diag_indices(len(gram))] += 1.0
    root, info = lapack.dpotrf(gram, overwrite_a=True)
    if info:
        raise RuntimeError("The Gram matrix is not positive definite.")
    return np.asarray(blas.dtrmm(1.0, triangle, root, side=1))


def measure(n: int, repeats: int) -> dict[str, Any]:
    """Shares of the peak for n columns and blocks of the rows that `TriangularFactor` eliminates at once."""
    rng = np.random.default_rng(0)
    factor = TriangularFactor(n)
    m = factor.capacity
    block = np.asfortranarray(rng.standard_normal((m, n)))
    factor.fold(block, block[:, 0])
    triangle = np.asfortranarray(np.linalg.qr(rng.standard_normal((2 * n, n)), mode="r"))
    ones = np.ones(m)
    work = int(lapack.dgeqrf_lwork(m, n)[0])
    actions = {
        "product": lambda: blas.dgemm(1.0, block, triangle),
        "TriangularFactor": lambda: factor.fold(block, block[:, 0], ones),
        "tpqrt": lambda: householder(triangle, block),
        "geqrf": lambda: lapack.dgeqrf(block, lwork=work),
        "Cholesky": lambda: preconditioned_cholesky(triangle, block),
    }
    seconds = {name: summary(times, 1.0)["median"] for name, times in interleaved(actions, repeats).items()}
    operations = 2.0 * m * n**2
    rates = {name: operations / value / 1e9 for name, value in seconds.items()}
    rates["geqrf"] *= (m - n / 3.0) / m
    shares = {name: rate / rates["product"] for name, rate in rates.items()}
    return {"n": n, "rows": m, "gigaflops": rates, "share": shares, "error": accuracy(n)}


def accuracy(n: int) -> dict[str, float]:
    """Relative difference of coefficients, from 20 blocks and from one decomposition of all rows."""
    rng = np.random.default_rng(1)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    mixing = left * np.logspace(0.0, -6.0, n) @ right
    design = rng.standard_normal((40 * n, n)) @ mixing
    y = design @ rng.standard_normal(n) + 1e-3 * rng.standard_normal(len(design))
    stacked = np.column_stack([design, y])
    expected = np.linalg.lstsq(design, y, rcond=None)[0]
    blocks = [np.asfortranarray(block) for block in np.array_split(stacked, 20)]
    found: dict[str, float] = {}
    for name, update in (("tpqrt", householder), ("Cholesky", preconditioned_cholesky)):
        triangle = np.asfortranarray(np.linalg.qr(blocks[0], mode="r"))
        for block in blocks[1:]:
            triangle = np.asfortranarray(update(triangle, block))
        c = solve_triangular(triangle[:n, :n], triangle[:n, n])
        found[name] = float(np.abs(c - expected).max() / np.abs(expected).max())
    return found


@single_threaded()
def main() -> int:
    """Run the benchmark."""
    arguments = parser(str(__doc__))
    arguments.add_argument(
        "--sizes", type=int, nargs="*", default=[300, 500, 1000], help="numbers of columns"
    )
    chosen = arguments.parse_args()
    rows = [measure(n, chosen.repeats) for n in chosen.sizes]
    names = ("TriangularFactor", "tpqrt", "geqrf", "Cholesky")
    table = Table("columns", "product GF/s", *(f"{name} share" for name in names), "error tpqrt", "Cholesky")
    for row in rows:
        table.add_row(
            str(row["n"]),
            f"{row['gigaflops']['product']:.1f}",
            *(f"{100 * row['share'][name]:.0f} %" for name in names),
            *(f"{row['error'][name]:.1e}" for name in ("tpqrt", "Cholesky")),
        )
    Console(width=110).print(table)
    write(chosen.json, {"machine": machine(), "sizes": rows})
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
