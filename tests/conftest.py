"""What every test may use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scriptorium.jobs import runner
from scriptorium.settings import get_settings


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees the settings, or a .env file, of the machine that it runs on."""
    import os

    for name in [name for name in os.environ if name.startswith("SCRIPTORIUM_")]:
        if name != "SCRIPTORIUM_AXOLOTL_PYTHON":
            monkeypatch.delenv(name)
    get_settings.cache_clear()
    runner.shutdown.clear()
    yield
    get_settings.cache_clear()
    runner.shutdown.clear()


@pytest.fixture(scope="session")
def project() -> Path:
    """The project's root."""
    return Path(__file__).resolve().parent.parent
