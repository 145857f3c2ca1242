import ctypes

import pytest

from scriptorium.models.malloc_trim import give_back


def test_where_there_is_no_glibc_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(ctypes, "CDLL", lambda name: asked.append(name) or object())
    give_back()
    assert asked == [None]


def test_memory_goes_back() -> None:
    give_back()
