"""The names of the models that people keep warm, on the volume: so they are served again after Redis was lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

from scriptorium.artifacts.manifest import replace_file

NAME = "warm_models.json"
LOCK_TIMEOUT = 10.0  # seconds; a write takes milliseconds


def read_warm_models(root: Path) -> list[str]:
    """Return the names; none if the file is missing or cannot be read."""
    try:
        names = json.loads((root / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def add_warm_model(root: Path, name: str) -> None:
    """Note that a model is kept warm. Raises OSError."""
    _change(root, lambda names: {*names, name})


def remove_warm_models(root: Path, names: Iterable[str]) -> None:
    """Note that some models are not kept warm any more. Raises OSError."""
    if removed := set(names):
        _change(root, lambda before: set(before) - removed)


def _change(root: Path, change: Callable[[list[str]], set[str]]) -> None:
    with FileLock(root / f"{NAME}.lock", timeout=LOCK_TIMEOUT):
        before = read_warm_models(root)
        after = sorted(change(before))
        if after != sorted(before):
            replace_file(root / NAME, json.dumps(after) + "\n")
