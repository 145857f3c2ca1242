"""Logins of browsers: which key a random token stands for, until it expires. Only the token's hash is kept."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

import redis

TOKEN_BYTES = 32


class Logins:
    """Begin, find and end logins."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def begin(self, key_id: str, lifetime: timedelta) -> str:
        """Return a new token that stands for a key."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        self._client.set(login_key(token), key_id, ex=lifetime)
        return token

    def find(self, token: str) -> str | None:
        """Return the id of the key that a token stands for; None if it has expired or never was one."""
        key_id: str | None = self._client.get(login_key(token))  # type: ignore[assignment]
        return key_id

    def end(self, token: str) -> None:
        """Forget a token."""
        self._client.delete(login_key(token))


def login_key(token: str) -> str:
    """Return the name under which a login is kept."""
    return f"scriptorium:login:{hashlib.sha256(token.encode('utf-8', 'surrogateescape')).hexdigest()}"
