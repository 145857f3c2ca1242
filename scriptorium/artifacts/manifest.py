"""A manifest lists what lies in a folder, with sizes and hashes, and is written last: a folder with one is whole.

Standard library only: training's plugin writes the manifests of checkpoints inside Axolotl's environment.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

NAME = "manifest.json"


def describe(folder: Path) -> dict[str, dict[str, Any]]:
    """Size in bytes and SHA-256 of every file below `folder`, by relative path, the manifest itself left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / NAME)
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": hash_file(path)} for path in files
    }


def hash_file(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(folder: Path, body: dict[str, Any]) -> None:
    """Make everything in `folder` durable, then write its manifest: `body` plus the list of files."""
    files = describe(folder)
    for name in files:
        sync(folder / name)
    target = folder / NAME
    temporary = target.with_suffix(".tmp")
    temporary.write_text(json.dumps({**body, "files": files}, indent=2, default=str) + "\n", encoding="utf-8")
    sync(temporary)
    temporary.replace(target)
    sync(folder)


def read(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder, or None where it has none that is whole."""
    try:
        body = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    return body if isinstance(body, dict) else None


def whole(folder: Path) -> bool:
    """Whether every file that the manifest lists is there with its size."""
    body = read(folder)
    if body is None:
        return False
    sizes = {name: entry["bytes"] for name, entry in body["files"].items()}
    return all((folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items())


def sync(path: Path) -> None:
    """Flush a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
