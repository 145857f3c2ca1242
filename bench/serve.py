"""A vLLM for one model, as in a job, for benchmarks that need one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server.engine import VllmEngine

READY_TIMEOUT = 300.0  # seconds


@contextmanager
def serve_folder(name: str, folder: Path, settings: Settings, log: Path) -> Iterator[str]:
    """Serve a model's folder as `name`; yields the engine's URL, and ends the program if the engine does not start."""
    engine = VllmEngine((WantedModel(name=name, folder=str(folder)),), settings, log)
    try:
        started = time.monotonic()
        while not engine.ready:
            if engine.dead or time.monotonic() - started > READY_TIMEOUT:
                raise SystemExit(f"vLLM does not answer: {engine.failure_reason()}")
            time.sleep(1)
            engine.check_health()
        yield engine.url
    finally:
        engine.stop()
