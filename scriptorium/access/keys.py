"""A key of the API: a secret of 256 random bits, of which only the SHA-256 is kept, and what it may do.

A slow hash is for passwords, which can be guessed. Nobody guesses 256 random bits, so SHA-256 is enough.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Collection
from datetime import timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from scriptorium.identifiers import make_id

SECRET_PREFIX = "sk-scr-"  # noqa: S105  only the beginning: secret scanners look for it
SECRET_BYTES = 32
KEY_PREFIX = "key_"


class KeyScope(StrEnum):
    """What a key may do; `admin` is everything."""

    READ = "read"
    SUBMIT = "submit"
    CHAT = "chat"
    ADMIN = "admin"


class KeyState(StrEnum):
    """Whether a key is accepted, and why not."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class AccessKey(BaseModel):
    """What is kept of a key; times are Unix seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    name: str
    sha256: str
    scopes: tuple[KeyScope, ...]
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    requests_per_minute: int | None = None

    @property
    def state(self) -> KeyState:
        """The state of the key now."""
        if self.revoked_at is not None:
            return KeyState.REVOKED
        is_over = self.expires_at is not None and time.time() >= self.expires_at
        return KeyState.EXPIRED if is_over else KeyState.ACTIVE

    @property
    def is_admin(self) -> bool:
        """Whether the key may do everything."""
        return KeyScope.ADMIN in self.scopes

    def may(self, scopes: Collection[KeyScope]) -> bool:
        """Return whether the key has one of the scopes, or all of them as an admin."""
        return self.is_admin or not set(scopes).isdisjoint(self.scopes)

    def matches(self, digest: str) -> bool:
        """Return whether this is the hash of the key's secret, in a time that does not depend on how much is equal."""
        return hmac.compare_digest(self.sha256.encode(), digest.encode())


def make_key(
    name: str,
    scopes: Collection[KeyScope],
    lifetime: timedelta | None = None,
    requests_per_minute: int | None = None,
) -> tuple[AccessKey, str]:
    """Return a new key and its secret, which nothing keeps."""
    secret, now = f"{SECRET_PREFIX}{secrets.token_urlsafe(SECRET_BYTES)}", time.time()
    key = AccessKey(
        id=make_id(KEY_PREFIX, now),
        name=name,
        sha256=hash_secret(secret),
        scopes=tuple(scope for scope in KeyScope if scope in scopes),
        created_at=int(now),
        expires_at=None if lifetime is None else int(now + lifetime.total_seconds()),
        requests_per_minute=requests_per_minute,
    )
    return key, secret


def hash_secret(secret: str) -> str:
    """Return the SHA-256 of a secret, in hexadecimal."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
