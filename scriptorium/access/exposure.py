"""Whether the API can be reached from elsewhere, and must have a key before it listens."""

from __future__ import annotations

from scriptorium.access.key_ring import KeyRing
from scriptorium.access.key_store import FOLDER_NAME, KeyStore
from scriptorium.errors import InvalidRequest
from scriptorium.settings import Settings
from scriptorium.urls import is_loopback_host


def open_key_ring(settings: Settings) -> KeyRing:
    """Return the keys of a data folder."""
    return KeyRing(settings.data_dir / FOLDER_NAME)


def open_key_store(settings: Settings) -> KeyStore:
    """Return the same keys, to be changed."""
    return KeyStore(settings.data_dir / FOLDER_NAME)


def is_exposed(settings: Settings) -> bool:
    """Return whether others than this machine can reach the API; of a container, where its port is published counts."""
    return not is_loopback_host(settings.api_published or settings.api_host)


def check_exposure(settings: Settings) -> None:
    """Raise InvalidRequest if others can reach the API and there is no key."""
    if is_exposed(settings) and open_key_ring(settings).is_empty:
        name = "SCRIPTORIUM_API_PUBLISHED" if settings.api_published else "SCRIPTORIUM_API_HOST"
        raise InvalidRequest(
            f"The API would answer others at {settings.api_published or settings.api_host}, and there is no key: "
            "whoever reaches it could do everything.",
            param=name,
            next_step="Create a key first: `scriptorium keys create NAME` (in containers: `docker compose run --rm api "
            "python -m scriptorium keys create NAME`), or keep it on 127.0.0.1.",
        )
