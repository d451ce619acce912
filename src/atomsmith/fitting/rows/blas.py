"""One thread for the linear algebra of a fit.

Matrix blocks here are small, so a second BLAS thread gains little, and on a busy machine the threads'
waiting for one another was measured to make the triangular factor fifty times slower. One thread also makes
results repeatable on machines with different numbers of cores.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def single_threaded() -> Iterator[None]:
    """Run a block (or, as a decorator, a function) with one BLAS thread."""
    with threadpool_limits(limits=1, user_api="blas"):
        yield
