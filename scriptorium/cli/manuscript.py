"""A manuscript as one upload: a file as it is, a folder as a zip of its texts."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from scriptorium.errors import InvalidTrainingFile


@contextmanager
def open_manuscript(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """The name and the bytes to send; raises InvalidTrainingFile where there is nothing to read."""
    if path.is_dir():
        with TemporaryFile() as packed:
            pack(path, packed)
            packed.seek(0)
            yield f"{path.resolve().name}.zip", packed
        return
    try:
        with path.open("rb") as file:
            yield path.name, file
    except OSError as error:
        raise InvalidTrainingFile(f"{path} cannot be read: {error.strerror}.", param="BOOK") from None


def pack(folder: Path, target: BinaryIO) -> None:
    """Zip the .txt files that lie in a folder."""
    texts = sorted(path for path in folder.iterdir() if path.suffix.lower() == ".txt" and path.is_file())
    if not texts:
        raise InvalidTrainingFile(f"{folder} has no .txt files.", param="BOOK")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in texts:
            archive.write(path, path.name)
