"""Manifests: the files of a folder with sizes and hashes. A manifest is written last, so a folder with one is complete.

Standard library only: the training plugin writes the manifests of checkpoints inside Axolotl's environment.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from functools import partial
from pathlib import Path
from typing import Any

NAME = "manifest.json"
PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700  # modes: for the owner alone


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the size in bytes and the SHA-256 of every file below `folder` but the manifest, by relative path."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": hash_file(path)} for path in files
    }


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, body: dict[str, Any]) -> None:
    """Make everything in `folder` durable, then write its manifest: `body` plus the list of files."""
    files = describe(folder)
    for name in files:
        sync(folder / name)
    replace_file(folder / NAME, json.dumps({**body, "files": files}, indent=2, default=str) + "\n")


def read(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of a folder; None if it is missing or torn."""
    try:
        body = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):  # torn text is neither JSON nor, perhaps, UTF-8
        return None
    return body if isinstance(body, dict) else None


def is_complete(folder: Path) -> bool:
    """Return whether there is a manifest and every file that it lists exists with its size."""
    body = read(folder)
    if body is None:
        return False
    sizes = {name: entry["bytes"] for name, entry in body["files"].items()}
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())


def replace_file(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a file such that a reader, or a crash at any moment, finds the old one or the new one, whole."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "w", encoding="utf-8", opener=partial(os.open, mode=mode)) as file:
            file.write(text)
        sync(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(path.parent)


def open_private(path: str, flags: int) -> int:
    """Open a file that, if it is new, only its owner may read: an `opener` of `open`."""
    return os.open(path, flags, mode=PRIVATE_FILE)


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
