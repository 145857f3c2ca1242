"""Products are computed on one thread, and afterwards as before."""

import pytest

from services.merger import blas


def test_one_thread_and_back() -> None:
    library = blas.openblas()
    if library is None:
        pytest.skip("numpy has another library here")
    before = getattr(library, blas.GET)()
    with blas.one_thread():
        assert getattr(library, blas.GET)() == 1
    assert getattr(library, blas.GET)() == before


def test_another_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "openblas", lambda: None)
    with blas.one_thread():
        pass
