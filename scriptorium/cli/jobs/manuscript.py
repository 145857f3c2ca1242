"""A manuscript as one upload: a file as it is, a folder as a zip of its readable files."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from scriptorium.errors import InvalidTrainingFile
from scriptorium.manuscript_types import TYPE_NAMES, find_suffix


@contextmanager
def open_manuscript(path: Path) -> Iterator[tuple[str, BinaryIO]]:
    """Yield the name and the bytes to send. Raises InvalidTrainingFile if there is nothing to read."""
    if path.is_dir():
        with TemporaryFile() as archive:
            pack(path, archive)
            archive.seek(0)
            yield f"{path.resolve().name}.zip", archive
        return
    try:
        with path.open("rb") as file:
            yield path.name, file
    except OSError as error:
        raise InvalidTrainingFile(f"{path} cannot be read: {error.strerror}.", param="BOOK") from None


def pack(folder: Path, target: BinaryIO) -> None:
    """Zip the files of supported kinds in a folder and its subfolders. Raises InvalidTrainingFile if there are none."""
    from services.data.readers import KINDS, is_visible  # here, not above: importing the readers takes a while

    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    names = sorted(name for name, path in files.items() if find_suffix(name) in KINDS and is_visible(name))
    if not names:
        raise InvalidTrainingFile(f"{folder} has no files of a supported kind ({TYPE_NAMES}).", param="BOOK")
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name in names:
            archive.write(files[name], name)
