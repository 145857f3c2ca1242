"""How many threads numpy's matrix products use; the merge has threads of its own, one product each."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

LIBRARIES = Path(np.__file__).parents[1] / "numpy.libs"  # where numpy's wheels keep their OpenBLAS
GET, SET = "scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute each product on the thread that asks for it.

    OpenBLAS's own threads wait by spinning: with two of ours they made a product 10 times slower on two cores. Where
    numpy has another library nothing changes.
    """
    library = openblas()
    if library is None:
        yield
        return
    before = getattr(library, GET)()
    getattr(library, SET)(1)
    try:
        yield
    finally:
        getattr(library, SET)(before)


def openblas() -> ctypes.CDLL | None:
    """The OpenBLAS that numpy has loaded already."""
    for path in LIBRARIES.glob("libscipy_openblas64_*.so"):
        library = ctypes.CDLL(str(path))
        if hasattr(library, GET) and hasattr(library, SET):
            return library
    return None
