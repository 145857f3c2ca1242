"""The hub's cache on disk, in the layout that its own client reads and writes.

<cache>/models--<organisation>--<name>/
    refs/main                    the commit that is here, written last
    snapshots/<commit>/<file>    a link to its content
    blobs/<digest>               the content
    blobs/<digest>.incomplete    what has arrived of it; a later fetch goes on from there
<cache>/.locks/models--.../fetch.lock
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scriptorium.models.hub import INDEX, SINGLE_FILE, HubFile, Repository

REVISION = "main"
NEEDED_FILES = ("config.json", "tokenizer.json")


def cache_root() -> Path:
    """Return the folder of the hub's cache (HF_HUB_CACHE, or below HF_HOME)."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


class CachedModel:
    """The part of the cache that belongs to one model."""

    def __init__(self, name: str, root: Path | None = None) -> None:
        root = root or cache_root()
        folder = f"models--{name.replace('/', '--')}"
        self.folder = root / folder
        self.blobs = self.folder / "blobs"
        self._lock_path = root / ".locks" / folder / "fetch.lock"
        self._reference = self.folder / "refs" / REVISION

    def snapshot(self) -> Path | None:
        """Return the folder of the model if it is here and complete."""
        try:
            commit = self._reference.read_text("utf-8").strip()
        except OSError:
            return None
        folder = self.folder / "snapshots" / commit
        return folder if commit and is_complete(folder) else None

    def blob(self, file: HubFile) -> Path:
        """Return the path of a file's content."""
        return self.blobs / file.digest

    def incomplete(self, file: HubFile) -> Path:
        """Return the path of what has arrived of a file."""
        return self.blobs / f"{file.digest}.incomplete"

    def present_bytes(self, file: HubFile) -> int:
        """Return how many bytes of a file are here."""
        return file.size if self.has(file) else min(file.size, size_of(self.incomplete(file)))

    def has(self, file: HubFile) -> bool:
        """Return whether a file has arrived whole."""
        return self.blob(file).is_file() and size_of(self.blob(file)) == file.size

    def publish(self, repository: Repository) -> Path:
        """Link the files into a snapshot, then name its commit; returns the folder."""
        folder = self.folder / "snapshots" / repository.commit
        folder.mkdir(parents=True, exist_ok=True)
        for file in repository.files:
            temporary = folder / f"{file.name}.tmp"
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(os.path.relpath(self.blob(file), folder))
            temporary.replace(folder / file.name)
        self._reference.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._reference.with_name(f"{REVISION}.tmp")
        temporary.write_text(repository.commit, "utf-8")
        temporary.replace(self._reference)
        return folder

    @contextmanager
    def try_lock(self) -> Iterator[bool]:
        """Yield whether this process is the one that may fetch the model now; the lock ends with the process."""
        self._lock_path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock_path.open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True


def is_complete(folder: Path) -> bool:
    """Return whether a snapshot has its configuration, its tokenizer and all its weights.

    Other programs use the cache, too, and may have fetched a few files only.
    """
    if not all((folder / name).is_file() for name in NEEDED_FILES):
        return False
    if (folder / SINGLE_FILE).is_file():
        return True
    try:
        shards = set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return False
    return bool(shards) and all((folder / Path(str(name)).name).is_file() for name in shards)


def size_of(path: Path) -> int:
    """Return the size of a file, 0 if there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
