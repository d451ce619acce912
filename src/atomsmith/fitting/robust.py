"""Configurations that the basis cannot follow count less: noise with the tails of Student's t-distribution.

Where bonds break or atoms clash, what a basis leaves of the labels is many times of what it leaves elsewhere,
and under normal noise a single such configuration moves the energies of all others. So each configuration has
a noise level of its own, its variances divided by a gamma variable: given the residuals, the expectation of
that variable is

    (nu + 1) / (nu + q / m)

with q the mean square of the configuration's weighted residuals and m that of ordinary ones, taken as the
median (Lange, Little and Taylor, J. Am. Stat. Assoc. 84, 881 (1989)). The rows of a configuration err
together, since what is missing is missing in all of them, so they count as one observation.

The weights follow from one fit without them, so that a robust fit takes two passes over the data; finding
them again from its residuals, and so on, gains little more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from atomsmith.fitting.rows.design import RowMaker, blocks, number_of_labels
from atomsmith.fitting.weights import KINDS, KindWeights, relative_weights
from atomsmith.systems import FloatArray

if TYPE_CHECKING:
    from atomsmith.data.configuration import Configuration


def robust_weights(
    maker: RowMaker,
    configurations: Sequence[Configuration],
    coefficients: FloatArray,
    kinds: KindWeights,
    freedom: float,
    progress: Callable[[int], None] | None = None,
) -> FloatArray:
    """Factors on the weights of configurations by what a fit leaves of their labels, shape (C,).

    They are about 1 for ordinary configurations, at most sqrt(1 + 1 / freedom).

    Parameters
    ----------
    maker, configurations
        What rows are made of, with the weights of the fit and without such factors.
    coefficients
        Of the fit, relative to the reference of ``maker``.
    kinds
        Weights of energies, forces and virials.
    freedom
        Degrees of freedom nu; the smaller, the heavier the tails.
    progress
        Called with the number of configurations that are done.
    """
    squares = mean_squares(maker, configurations, coefficients, kinds, progress)
    ordinary = float(np.median(squares[squares > 0.0])) if (squares > 0.0).any() else 1.0
    weights: FloatArray = np.sqrt((freedom + 1.0) / (freedom + squares / ordinary))
    return weights


def mean_squares(
    maker: RowMaker,
    configurations: Sequence[Configuration],
    coefficients: FloatArray,
    kinds: KindWeights,
    progress: Callable[[int], None] | None = None,
) -> FloatArray:
    """Mean square of the weighted residuals of each configuration, 0 without labels; see `robust_weights`."""
    evaluator = maker.evaluator()
    found: list[FloatArray] = []
    done = 0
    for block in blocks(configurations, maker.n_features):
        sums, counts = np.zeros(len(block)), np.zeros(len(block))
        residuals = maker.residuals(block, coefficients, evaluator)
        relative = [relative_weights(c, maker.weights) for c in block]
        for kind in KINDS:
            rows = np.array(
                [
                    number_of_labels(c, kind) if own.rows(kind).any() and kinds[kind] > 0.0 else 0
                    for c, own in zip(block, relative, strict=True)
                ]
            )
            if kinds[kind] > 0.0:
                left = kinds[kind] * residuals[kind].scales * residuals[kind].targets
                sums += np.bincount(np.repeat(np.arange(len(block)), rows), left**2, minlength=len(block))
            counts += rows
        found.append(sums / np.maximum(counts, 1.0))
        done += len(block)
        if progress is not None:
            progress(done)
    return np.concatenate(found) if found else np.zeros(0)


def reweighted(configurations: Iterable[Configuration], factors: FloatArray) -> list[Configuration]:
    """Return the configurations with their weights multiplied."""
    return [
        c.replace(weight=c.weight * float(factor)) for c, factor in zip(configurations, factors, strict=True)
    ]
