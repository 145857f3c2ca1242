"""Matrix products by the library that numpy has loaded: on how many threads, and added to what is there.

The merge has threads of its own, one product each.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from services.merger.inputs.safetensors_file import Float32

LIBRARIES = Path(np.__file__).parents[1] / "numpy.libs"  # where numpy's wheels keep their OpenBLAS
GET, SET = "scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"
SGEMM = "scipy_cblas_sgemm64_"
ROW_MAJOR, NO_TRANSPOSE = 101, 111  # of cblas.h
PANEL = 128  # longer sums are added up in parts, which would meet what is there one by one


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


def add_product(sums: Float32, left: Float32, right: Float32) -> None:
    """Add left @ right to `sums` in place, all three in rows; the bits are those of the product and then the sum.

    One pass instead of two, which takes a quarter off. Numpy itself does not offer it. Raises ValueError where the
    shapes do not fit.
    """
    library = openblas()
    if library is None or not suitable(sums, left, right):
        sums += left @ right
        return
    (rows, columns), inner = sums.shape, len(right)
    getattr(library, SGEMM)(
        ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, rows, columns, inner,
        1.0, left.ctypes.data, inner, right.ctypes.data, columns, 1.0, sums.ctypes.data, columns,
    )  # fmt: skip


def suitable(sums: Float32, left: Float32, right: Float32) -> bool:
    """Whether the library may have these: it checks nothing, and writes wherever it is told."""
    whole = all(each.dtype == np.float32 and each.flags.c_contiguous for each in (sums, left, right))
    fitting = left.shape[1] == len(right) <= PANEL and sums.shape == (len(left), right.shape[1])
    return whole and fitting


@lru_cache(maxsize=1)
def openblas() -> ctypes.CDLL | None:
    """The OpenBLAS that numpy has loaded already."""
    for path in LIBRARIES.glob("libscipy_openblas64_*.so"):
        library = ctypes.CDLL(str(path))
        if all(hasattr(library, name) for name in (GET, SET, SGEMM)):
            declare(getattr(library, SGEMM))
            return library
    return None


def declare(sgemm: Any) -> None:
    """Tell ctypes what cblas_sgemm takes: layout, turns, sizes, and alpha, A, B, beta and C with their row lengths."""
    whole, real, place = ctypes.c_int64, ctypes.c_float, ctypes.c_void_p
    sgemm.argtypes = [*[ctypes.c_int] * 3, *[whole] * 3, real, *[place, whole] * 2, real, place, whole]
    sgemm.restype = None
