"""The file that a container's health check reads."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.jobs import queue
from scriptorium.process.child import wait_until
from scriptorium.process.liveness import report_liveness
from scriptorium.settings import get_settings

TIMEOUT = timedelta(seconds=5)


def age(path: Path) -> float:
    return time.time() - path.stat().st_mtime


def test_the_file_is_touched_while_the_worker_can_work_and_no_longer(tmp_path: Path) -> None:
    path, is_able = tmp_path / "alive", threading.Event()
    is_able.set()
    report_liveness(path, is_able.is_set, interval=0.02)
    assert wait_until(path.exists, TIMEOUT)
    is_able.clear()
    assert wait_until(lambda: age(path) > 0.3, TIMEOUT)
    is_able.set()
    assert wait_until(lambda: age(path) < 0.2, TIMEOUT)


def test_an_absent_broker_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SCRIPTORIUM_REDIS_URL", "redis://127.0.0.1:1/0")
    get_settings.cache_clear()
    queue.app.cache_clear()
    try:
        assert not queue.broker_answers()
    finally:
        queue.app.cache_clear()
