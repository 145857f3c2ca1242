"""The file that a container's health check looks at."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.jobs import queue
from scriptorium.process.child import wait_until
from scriptorium.process.liveness import show_life
from scriptorium.settings import get_settings

SOON = timedelta(seconds=5)


def age_of(path: Path) -> Callable[[], float]:
    return lambda: time.time() - path.stat().st_mtime


def test_the_file_is_touched_while_the_worker_can_work_and_no_longer(tmp_path: Path) -> None:
    path, able = tmp_path / "alive", [True]
    show_life(path, lambda: able[0], every=0.02)
    assert wait_until(path.exists, SOON)
    able[0] = False
    assert wait_until(lambda: age_of(path)() > 0.3, SOON)
    able[0] = True
    assert wait_until(lambda: age_of(path)() < 0.2, SOON)


def test_a_broker_that_is_not_there_is_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCRIPTORIUM_REDIS_URL", "redis://127.0.0.1:1/0")
    get_settings.cache_clear()
    queue.app.cache_clear()
    try:
        assert not queue.answers()
    finally:
        queue.app.cache_clear()
