"""Products are computed on one thread, and afterwards as before; adding one gives the bits of two steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.merger import blas


def test_one_thread_and_back() -> None:
    library = blas.openblas()
    if library is None:
        pytest.skip("numpy has another library here")
    before = getattr(library, blas.GET_THREADS)()
    with blas.one_thread():
        assert getattr(library, blas.GET_THREADS)() == 1
    assert getattr(library, blas.GET_THREADS)() == before


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "openblas", lambda: None)
    with blas.one_thread():
        pass


@given(
    rows=st.integers(2, 40), columns=st.integers(2, 300), inner=st.integers(1, 2 * blas.PANEL), seed=st.integers(0, 99)
)
def test_adding_a_product_gives_the_bits_of_product_and_sum(rows: int, columns: int, inner: int, seed: int) -> None:
    """Single rows and columns are left out: numpy multiplies these another way."""
    rng = np.random.default_rng(seed)
    left, right, sums = (
        rng.normal(size=size).astype(np.float32) for size in ((rows, inner), (inner, columns), (rows, columns))
    )
    expected = np.matmul(left, right) + sums
    blas.add_product(sums, left, right)
    assert (sums.view(np.uint32) == expected.view(np.uint32)).all()


def test_a_product_is_added_by_numpy_if_the_library_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    transposed, ones = np.zeros((3, 2), np.float32).T, np.ones((2, 3), np.float32)
    blas.add_product(transposed, np.ones((2, 2), np.float32), ones)
    monkeypatch.setattr(blas, "openblas", lambda: None)
    sums = np.zeros((2, 3), np.float32)
    blas.add_product(sums, np.ones((2, 2), np.float32), ones)
    assert (sums == 2).all()
    assert (transposed == 2).all()


@pytest.mark.parametrize(("left", "right"), [((2, 3), (4, 5)), ((2, 4), (4, 6)), ((3, 4), (4, 5))])
def test_what_does_not_fit_never_reaches_the_library(left: tuple[int, int], right: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"match|broadcast"):
        blas.add_product(np.zeros((2, 5), np.float32), np.ones(left, np.float32), np.ones(right, np.float32))
