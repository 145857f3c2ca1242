"""A worker's sign of life: a file that it touches while it can work, for a container's health check."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

EVERY = 5.0  # seconds; the health checks allow four of them


def show_life(path: Path, able: Callable[[], bool], every: float = EVERY) -> None:
    """Touch `path` in a thread for as long as the process lives, whenever it is `able` to work."""

    def beat() -> None:
        while True:
            if able():
                path.touch()
            time.sleep(every)

    threading.Thread(target=beat, name="alive", daemon=True).start()
