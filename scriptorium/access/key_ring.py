"""The keys as a running API sees them: read again when one was made or revoked, so that it needs no restart."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path

from scriptorium.access.key_store import read_key
from scriptorium.access.keys import AccessKey, hash_secret
from scriptorium.errors import PathUnusable

log = logging.getLogger(__name__)

MAX_AGE = 1.0  # seconds; a folder's time stamp is coarser than two changes may be apart


@dataclass(frozen=True)
class _Reading:
    """What lay in the folder when it was read."""

    keys: tuple[AccessKey, ...]
    is_empty: bool
    changed_at: int | None
    read_at: float


class KeyRing:
    """Finds the key of a secret. A key that cannot be read counts as one that exists: it never opens the API."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reading = _Reading((), True, None, -MAX_AGE)
        self._unreadable: set[Path] = set()

    @property
    def is_empty(self) -> bool:
        """Whether no key was ever created; revoked and expired ones count."""
        return self._current().is_empty

    def find(self, secret: str) -> AccessKey | None:
        """Return the key of a secret, whatever its state. Every key is compared, so that the time says nothing."""
        digest = hash_secret(secret)
        matches = [key for key in self._current().keys if key.matches(digest)]
        return matches[0] if matches else None

    def get(self, key_id: str) -> AccessKey | None:
        """Return the key with an id, whatever its state."""
        return next((key for key in self._current().keys if key.id == key_id), None)

    def _current(self) -> _Reading:
        changed_at = self._changed_at()
        reading = self._reading
        if changed_at != reading.changed_at or time.monotonic() - reading.read_at >= MAX_AGE:
            self._reading = reading = self._read(changed_at)
        return reading

    def _changed_at(self) -> int | None:
        """Return when something was last put into the folder or renamed there."""
        try:
            return self._folder.stat().st_mtime_ns
        except OSError:
            return None

    def _read(self, changed_at: int | None) -> _Reading:
        try:
            paths = [path for path in self._folder.iterdir() if path.match("key_*.json")]
            is_empty = not paths
        except FileNotFoundError:
            paths, is_empty = [], True
        except OSError as error:
            log.warning("the keys in %s cannot be read, so none is valid: %s", self._folder, error)
            paths, is_empty = [], False
        keys = tuple(key for path in sorted(paths) if (key := self._read_one(path)))
        return _Reading(keys, is_empty, changed_at, time.monotonic())

    def _read_one(self, path: Path) -> AccessKey | None:
        """Return a key; None, with a warning for the first time, if it cannot be read."""
        try:
            key = read_key(path)
        except PathUnusable as error:
            if path not in self._unreadable:
                log.warning("a key is left out: %s", error)
            self._unreadable.add(path)
            return None
        self._unreadable.discard(path)
        return key
