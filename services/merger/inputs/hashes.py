"""Whether the files of base and checkpoint are the ones that they should be, by SHA-256, where one is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scriptorium.artifacts import manifest
from scriptorium.errors import BaseModelUnusable, MergeFailed, Problem
from services.merger.inputs.base import Base

SHA256 = re.compile(r"[0-9a-f]{64}")


def check_base(base: Base, trained_on: Mapping[str, str]) -> int:
    """Compare the base's shards with the hashes that are known of them; returns how many were.

    `trained_on` holds the hashes of the base that training started from. Raises BaseModelUnusable with every file that
    is another one.
    """
    known = {shard.path.name: hashes_of(shard.path, trained_on) for shard in base.shards}
    problems = differences(base.folder, {name: hashes for name, hashes in known.items() if hashes})
    if problems:
        raise BaseModelUnusable(
            f"The base {base.folder.name} is not what it should be: {len(problems)} file(s) differ.",
            problems=problems,
            next_step="Fetch the base model again, or merge with the base that the adapter was trained on.",
        )
    return sum(map(bool, known.values()))


def hashes_of(path: Path, trained_on: Mapping[str, str]) -> set[str]:
    """What a shard's hash should be: by training, by the folder's manifest, and by the hub's cache.

    The cache keeps each large file under its own hash and links to it.
    """
    listed = (manifest.read(path.parent) or {}).get("files", {})
    named = path.resolve().name if path.is_symlink() else ""
    hashes = {trained_on.get(path.name), listed.get(path.name, {}).get("sha256")}
    return {each for each in hashes | {named if SHA256.fullmatch(named) else None} if each}


def check_checkpoint(folder: Path) -> dict[str, str]:
    """Compare a checkpoint with its manifest and return the hashes; raises MergeFailed with every other file."""
    body = manifest.read(folder) or {"files": {}}
    hashes = {name: str(entry["sha256"]) for name, entry in body["files"].items()}
    problems = differences(folder, {name: {known} for name, known in hashes.items() if needed(name)})
    if problems:
        raise MergeFailed(
            f"The checkpoint {folder.name} was changed after it was saved: {len(problems)} file(s) differ.",
            problems=problems,
            next_step="Choose another checkpoint, or train again.",
        )
    return hashes


def needed(name: str) -> bool:
    """Whether the merge reads a file; optimiser states, which are large, are not its business."""
    return name.startswith("adapter_") or not name.endswith((".pt", ".pth", ".bin", ".safetensors"))


def differences(folder: Path, expected: Mapping[str, set[str]]) -> list[Problem]:
    """Files that are missing or have another hash than each that is expected."""
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(expected, pool.map(lambda name: hash_or_none(folder / name), expected), strict=True))
    missing = [Problem(name, "is missing") for name, hashed in found.items() if hashed is None]
    return missing + [
        Problem(name, f"has the SHA-256 {hashed}; expected {', '.join(sorted(expected[name]))}")
        for name, hashed in found.items()
        if hashed is not None and expected[name] != {hashed}
    ]


def hash_or_none(path: Path) -> str | None:
    """A file's hash, or None where it is missing."""
    return manifest.hash_file(path) if path.is_file() else None
