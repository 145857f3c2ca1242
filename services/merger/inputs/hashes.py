"""The check that the files of base and checkpoint have the SHA-256 that is known of them, if one is."""

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
    """Compare the base's shards with their known hashes; returns how many shards had one.

    `trained_on` holds the hashes of the base that training started from. Raises BaseModelUnusable with every file that
    differs.
    """
    known = {shard.path.name: known_hashes(shard.path, trained_on) for shard in base.shards}
    problems = hash_differences(base.folder, {name: hashes for name, hashes in known.items() if hashes})
    if problems:
        raise BaseModelUnusable(
            f"The base {base.folder.name} is not the expected one: {len(problems)} file(s) differ.",
            problems=problems,
            next_step="Fetch the base model again, or merge with the base that the adapter was trained on.",
        )
    return sum(map(bool, known.values()))


def known_hashes(path: Path, trained_on: Mapping[str, str]) -> set[str]:
    """Return a shard's hash as recorded by training, by the folder's manifest, and by the hub's cache.

    The cache keeps each large file under its own hash and links to it.
    """
    files = (manifest.read(path.parent) or {}).get("files", {})
    blob = path.resolve().name if path.is_symlink() else ""
    hashes = {trained_on.get(path.name), files.get(path.name, {}).get("sha256")}
    return {known for known in hashes | {blob if SHA256.fullmatch(blob) else None} if known}


def check_checkpoint(folder: Path) -> dict[str, str]:
    """Compare a checkpoint with its manifest and return the hashes; raises MergeFailed with every file that differs."""
    body = manifest.read(folder) or {"files": {}}
    hashes = {name: str(entry["sha256"]) for name, entry in body["files"].items()}
    problems = hash_differences(folder, {name: {known} for name, known in hashes.items() if is_merge_input(name)})
    if problems:
        raise MergeFailed(
            f"The checkpoint {folder.name} was changed after it was saved: {len(problems)} file(s) differ.",
            problems=problems,
            next_step="Choose another checkpoint, or train again.",
        )
    return hashes


def is_merge_input(name: str) -> bool:
    """Return whether the merge reads a file; it does not read optimiser states, which are large."""
    return name.startswith("adapter_") or not name.endswith((".pt", ".pth", ".bin", ".safetensors"))


def hash_differences(folder: Path, expected: Mapping[str, set[str]]) -> list[Problem]:
    """List files that are missing or whose hash is not the expected one."""
    with ThreadPoolExecutor(2) as pool:
        actual = dict(zip(expected, pool.map(lambda name: hash_or_none(folder / name), expected), strict=True))
    missing = [Problem(name, "is missing") for name, sha256 in actual.items() if sha256 is None]
    return missing + [
        Problem(name, f"has the SHA-256 {sha256}; expected {', '.join(sorted(expected[name]))}")
        for name, sha256 in actual.items()
        if sha256 is not None and expected[name] != {sha256}
    ]


def hash_or_none(path: Path) -> str | None:
    """Return a file's hash, or None if it is missing."""
    return manifest.hash_file(path) if path.is_file() else None
