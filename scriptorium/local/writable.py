"""Whether a path can be written, asked before the work whose result it is to hold."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryFile

from scriptorium.errors import PathUnusable


def make_writable(folder: Path, param: str) -> Path:
    """Create a folder if need be, write into it for a moment, and return it. Raises PathUnusable at `param`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        reason = "it is not a folder" if folder.exists() and not folder.is_dir() else error.strerror
        raise PathUnusable(f"{folder} cannot be written: {reason}.", param=param) from None
