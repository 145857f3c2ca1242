"""Fixtures for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from scriptorium.jobs import runner
from scriptorium.settings import get_settings

settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure of what is tested
settings.load_profile("unhurried")


@pytest.fixture(autouse=True)
def fresh_settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Hide the settings and the .env file of this machine from every test."""
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
    """Return the root of the project."""
    return Path(__file__).resolve().parent.parent
