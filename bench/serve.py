"""A vLLM for one model, as a job has it, for benchmarks that need one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server.engine import VllmEngine

READY = 300.0  # seconds


@contextmanager
def served(name: str, folder: Path, settings: Settings, log: Path) -> Iterator[str]:
    """Serve a model's folder as `name`; gives the engine's URL, and ends the program where it does not come up."""
    engine = VllmEngine((WantedModel(name=name, folder=str(folder)),), settings, log)
    try:
        started = time.monotonic()
        while not engine.ready:
            if engine.dead or time.monotonic() - started > READY:
                raise SystemExit(f"vLLM does not answer: {engine.last_words()}")
            time.sleep(1)
            engine.look()
        yield engine.url
    finally:
        engine.stop()
