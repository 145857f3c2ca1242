"""Liveness of a worker: a file that it touches while it can work, for a container's health check."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

TOUCH_INTERVAL = 5.0  # seconds; the health checks allow four intervals


def report_liveness(path: Path, is_able: Callable[[], bool], interval: float = TOUCH_INTERVAL) -> None:
    """Touch `path` in a thread every `interval` seconds while the process lives, if it `is_able` to work."""

    def touch_repeatedly() -> None:
        while True:
            if is_able():
                path.touch()
            time.sleep(interval)

    threading.Thread(target=touch_repeatedly, name="alive", daemon=True).start()
