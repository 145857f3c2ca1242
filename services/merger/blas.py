"""Matrix products by the BLAS library that numpy has loaded: on one thread, and added in place.

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

LIBRARY_FOLDER = Path(np.__file__).parents[1] / "numpy.libs"  # where numpy's wheels keep their OpenBLAS
GET_THREADS, SET_THREADS = "scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"
SGEMM = "scipy_cblas_sgemm64_"
ROW_MAJOR, NO_TRANSPOSE = 101, 111  # of cblas.h
PANEL = 128  # longer sums are computed in panels, each of which would be added to the existing values separately


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute each product on the thread that asks for it.

    OpenBLAS's own threads wait by spinning: with two of ours they made a product 10 times slower on two cores. If numpy
    has another library, nothing changes.
    """
    library = openblas()
    if library is None:
        yield
        return
    before = getattr(library, GET_THREADS)()
    getattr(library, SET_THREADS)(1)
    try:
        yield
    finally:
        getattr(library, SET_THREADS)(before)


def add_product(sums: Float32, left: Float32, right: Float32) -> None:
    """Add left @ right to `sums` in place, all three row-major; the bits are those of the product and then the sum.

    One pass instead of two saves a quarter of the time. Numpy itself does not offer it. Raises ValueError if the shapes
    do not fit.
    """
    library = openblas()
    if library is None or not is_suitable(sums, left, right):
        sums += left @ right
        return
    (rows, columns), inner = sums.shape, len(right)
    getattr(library, SGEMM)(
        ROW_MAJOR, NO_TRANSPOSE, NO_TRANSPOSE, rows, columns, inner,
        1.0, left.ctypes.data, inner, right.ctypes.data, columns, 1.0, sums.ctypes.data, columns,
    )  # fmt: skip


def is_suitable(sums: Float32, left: Float32, right: Float32) -> bool:
    """Return whether the arrays can be passed to the library, which checks nothing and may write out of bounds."""
    contiguous = all(array.dtype == np.float32 and array.flags.c_contiguous for array in (sums, left, right))
    fitting = left.shape[1] == len(right) <= PANEL and sums.shape == (len(left), right.shape[1])
    return contiguous and fitting


@lru_cache(maxsize=1)
def openblas() -> ctypes.CDLL | None:
    """Return the OpenBLAS that numpy has loaded already, or None."""
    for path in LIBRARY_FOLDER.glob("libscipy_openblas64_*.so"):
        library = ctypes.CDLL(str(path))
        if all(hasattr(library, name) for name in (GET_THREADS, SET_THREADS, SGEMM)):
            declare_sgemm(getattr(library, SGEMM))
            return library
    return None


def declare_sgemm(sgemm: Any) -> None:
    """Declare cblas_sgemm's arguments: layout, transpositions, sizes, alpha, A, B, beta and C with row lengths."""
    size, real, pointer = ctypes.c_int64, ctypes.c_float, ctypes.c_void_p
    sgemm.argtypes = [*[ctypes.c_int] * 3, *[size] * 3, real, *[pointer, size] * 2, real, pointer, size]
    sgemm.restype = None
