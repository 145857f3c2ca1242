"""The keys on the volume: a file for each, readable by the owner alone, and a log of what was done to them.

<data>/keys/<key id>.json    a key; one that was revoked stays, and says so
<data>/keys/audit.jsonl      a line for each creation and revocation: who, when, which; append-only
"""

from __future__ import annotations

import json
import os
import pwd
import re
import time
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from pydantic import ValidationError

from scriptorium.access.keys import AccessKey, KeyScope, KeyState, make_key
from scriptorium.artifacts import manifest
from scriptorium.errors import Conflict, InvalidRequest, KeyMissing, PathUnusable

FOLDER_NAME = "keys"
AUDIT_NAME = "audit.jsonl"
KEY_ID = re.compile(r"key_[0-9a-f]{26}")
MAX_NAME_LENGTH = 64


class KeyStore:
    """Create, list and revoke the keys in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def create(
        self,
        name: str,
        scopes: Collection[KeyScope],
        lifetime: timedelta | None = None,
        requests_per_minute: int | None = None,
    ) -> tuple[AccessKey, str]:
        """Make a key and return it with its secret. Raises InvalidRequest for an unusable name."""
        key, secret = make_key(check_name(name), scopes, lifetime, requests_per_minute)
        self._folder.mkdir(mode=manifest.PRIVATE_FOLDER, parents=True, exist_ok=True)
        self._folder.chmod(manifest.PRIVATE_FOLDER)
        self._log("created", key)  # before the key: no key is without its line
        self._save(key)
        return key, secret

    def newest(self) -> list[AccessKey]:
        """Return every key, newest first. Raises PathUnusable if one cannot be read."""
        keys = [read_key(path) for path in sorted(self._folder.glob("key_*.json"))]
        return sorted(keys, key=lambda key: key.id, reverse=True)

    def get(self, key_id: str) -> AccessKey:
        """Return a key. Raises KeyMissing."""
        path = self._folder / f"{key_id}.json"
        if not KEY_ID.fullmatch(key_id) or not path.is_file():
            raise KeyMissing(f"There is no key {key_id!r}.", param="ID")
        return read_key(path)

    def revoke(self, key_id: str) -> AccessKey:
        """Revoke a key; once is enough. Raises KeyMissing, and Conflict if it is revoked already."""
        key = self.get(key_id)
        if key.state is KeyState.REVOKED:
            raise Conflict(f"{key_id} is revoked already.", param="ID", next_step="There is nothing left to do.")
        key = key.model_copy(update={"revoked_at": int(time.time())})
        self._save(key)  # before the line: a crash in between must not leave a key that seems revoked
        self._log("revoked", key)
        return key

    def _save(self, key: AccessKey) -> None:
        text = key.model_dump_json(indent=2)
        manifest.replace_file(self._folder / f"{key.id}.json", text, mode=manifest.PRIVATE_FILE)

    def _log(self, action: str, key: AccessKey) -> None:
        line = {"at": int(time.time()), "action": action, "id": key.id, "name": key.name, "by": user_name()}
        with open(self._folder / AUDIT_NAME, "a", encoding="utf-8", opener=manifest.open_private) as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_key(path: Path) -> AccessKey:
    """Read a key's file. Raises PathUnusable."""
    try:
        return AccessKey.model_validate_json(path.read_bytes())
    except OSError as error:
        raise PathUnusable(
            f"{path} cannot be read: {error.strerror}.",
            param=str(path),
            next_step="Run the command as the user that the API runs as.",
        ) from None
    except ValidationError:
        raise PathUnusable(
            f"{path} is no key.", param=str(path), next_step="Remove the file, and create another key."
        ) from None


def check_name(name: str) -> str:
    """Return a key's name without space around it. Raises InvalidRequest unless it is one short line."""
    name = name.strip()
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidRequest(
            f"A key's name has 1 to {MAX_NAME_LENGTH} characters, and no line breaks or control characters.",
            param="NAME",
            next_step="Name it after who or what uses it: `scriptorium keys create laptop`.",
        )
    return name


def user_name() -> str:
    """Return the name of the user that runs this process, as the system knows it; its number if it has none."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
