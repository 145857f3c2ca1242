"""The size that a manuscript will have as a dataset, from its words, before it is prepared: rough, and at once.

Markup is cut away with one pattern and nothing is cleaned, so front matter counts, too: some per cent too many.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from scriptorium.errors import InvalidTrainingFile
from scriptorium.planning.dataset_size import (
    PROMPT_TOKENS,
    TOKENS_PER_WORD,
    DatasetSize,
    size_of_words,
    with_replay,
)
from scriptorium.recipe import Recipe

PLAIN = {".txt", ".md", ".markdown"}
MARKUP = {".html", ".htm", ".xhtml"}
BOOKS = {".docx", ".epub"}
ROWS = ".jsonl"
DOCUMENT = "word/document.xml"  # the text of a .docx
READ_BYTES = 32 * 1024**2  # of one file; what is beyond counts like what was read
MAX_MEMBERS = 20_000
TAG = re.compile(rb"<[^>]*>")
WORD = re.compile(rb"\S*\w\S*")
ROW_KEYS = 6  # words of a row of .jsonl that are not text: keys and roles


def size_of_manuscript(path: Path, filename: str, recipe: Recipe) -> DatasetSize:
    """Return the size that a file or folder will have as a dataset. Raises InvalidTrainingFile."""
    if Path(filename).suffix.lower() == ROWS and path.is_file():
        return size_of_ready_rows(path, filename, recipe)
    words = count_words(path, filename)
    return size_of_words(words, recipe, f"{words:,} words of {filename}, not yet prepared")


def size_of_ready_rows(path: Path, filename: str, recipe: Recipe) -> DatasetSize:
    """Return the size of rows that are used as they are, less what is held out. Raises InvalidTrainingFile."""
    with path.open("rb") as file:
        lines = file.readlines(READ_BYTES)
    answers = 2 if recipe.training.method == "dpo" else 1  # a preference is as long as a chat with one of them
    words = [max(1, (len(WORD.findall(line)) - ROW_KEYS) // answers) for line in lines if line.strip()]
    if not words:
        raise InvalidTrainingFile(f"{filename} has no rows.", param="training_file")
    scale = max(1.0, path.stat().st_size / sum(map(len, lines)))
    rows = max(1, round(len(words) * scale * (1 - recipe.data.split.dev - recipe.data.split.test)))
    mean = TOKENS_PER_WORD * sum(words) / len(words)
    size = DatasetSize(
        rows=rows,
        tokens=round(rows * mean),
        longest_row=round(TOKENS_PER_WORD * max(words)),
        answer_tokens=round(rows * max(mean / 2, mean - PROMPT_TOKENS)),
        dev_rows=round(len(words) * scale * recipe.data.split.dev),
        basis=f"{len(words):,} rows of {filename}, not yet prepared",
    )
    return with_replay(size, recipe.training)


def count_words(path: Path, filename: str) -> int:
    """Return the words of a file or folder. Raises InvalidTrainingFile if there is nothing that can be read."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    words = 0
    for part in files:
        with part.open("rb") as file:
            words += count_in_file(
                file, part.name if path.is_dir() else filename, part.stat().st_size, {".zip", *BOOKS}
            )
    if not words:
        raise InvalidTrainingFile(f"{filename} has no text that can be counted.", param="training_file")
    return words


def count_in_file(file: BinaryIO, filename: str, size: int, packed: Collection[str] = ()) -> int:
    """Return the words of one file of `size` bytes; 0 if it is of another kind. `packed` are the archives to open."""
    suffix = Path(filename).suffix.lower()
    if suffix in packed:
        return count_in_archive(file, filename)
    if suffix not in PLAIN | MARKUP and filename != DOCUMENT:
        return 0
    text = file.read(READ_BYTES)
    words = len(WORD.findall(text if suffix in PLAIN else TAG.sub(b" ", text)))
    return round(words * max(1.0, size / max(1, len(text))))


def count_in_archive(file: BinaryIO, filename: str) -> int:
    """Return the words of an archive's members; books in a .zip are opened, archives in a book are not."""
    packed = BOOKS if Path(filename).suffix.lower() == ".zip" else ()
    words = read = 0
    try:
        with zipfile.ZipFile(file) as archive:
            for member in islice(archive.infolist(), MAX_MEMBERS):
                if read < READ_BYTES:
                    with archive.open(member) as part:
                        words += count_in_file(part, member.filename, member.file_size, packed)  # type: ignore[arg-type]
                read += member.file_size
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidTrainingFile(f"{filename} is not a readable archive: {error}", param="training_file") from None
    return words
