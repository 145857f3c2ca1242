"""The size that a manuscript will have as a dataset, from its words, before it is prepared: rough, and at once.

Markup is cut away with one pattern and nothing is cleaned, so front matter counts, too: some per cent too many.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

from scriptorium.errors import InvalidTrainingFile, InvalidValidationFile
from scriptorium.manuscript_types import CONTENTS, ROWS, Content, find_suffix
from scriptorium.planning.dataset_size import (
    PROMPT_TOKENS,
    TOKENS_PER_WORD,
    DatasetSize,
    size_of_words,
    train_share,
    with_replay,
)
from scriptorium.recipe import Recipe
from scriptorium.text.word_spans import estimate_words
from scriptorium.text.words_in_bytes import count_in_bytes, decode
from scriptorium.text.zip_directory import GuardedFile

BOOKS = {suffix for suffix, content in CONTENTS.items() if content is Content.PACKED_MARKUP}
DOCUMENTS = ("word/document.xml", "content.xml")  # the text of a .docx, and of an .odt
NOTES = re.compile(r"(?:^|/)Files/(?:Data|Docs)/.*(?:notes\.rtf|synopsis\.txt)$|(?:^|/)Snapshots/")  # of Scrivener
READ_BYTES = 32 * 1024**2  # of one file; what is beyond counts like what was read
UNCOUNTED = (Content.ROWS, Content.PROJECT, Content.PACKED_MARKUP)  # beside texts, an index, an archive in one
MAX_MEMBERS = 20_000
ARCHIVE_DAMAGE = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, NotImplementedError, RuntimeError, ValueError,
    LookupError,
)  # fmt: skip  # zipfile trusts an archive to be what it says
ROW_KEYS = 6  # words of a row of .jsonl that are not text: keys and roles


class CountedFile(NamedTuple):
    """A manuscript to be counted: where it lies, and the name that says of what kind it is."""

    path: Path
    filename: str

    @property
    def has_ready_rows(self) -> bool:
        """True for rows that are used as they are."""
        return Path(self.filename).suffix.lower() == ROWS and self.path.is_file()


def size_of_manuscript(path: Path, filename: str, recipe: Recipe, validation: CountedFile | None = None) -> DatasetSize:
    """Return the size that a file or folder will have as a dataset; `validation` is another one that is dev.

    Raises InvalidTrainingFile or InvalidValidationFile.
    """
    if CountedFile(path, filename).has_ready_rows:
        return size_of_ready_rows(path, filename, recipe, validation)
    words = count_words(path, filename)
    basis = f"{words:,} words of {filename}, not yet prepared"
    if validation is None:
        return size_of_words(words, recipe, basis)
    dev = count_validation(validation, recipe)
    size = size_of_words(words, recipe, f"{words:,} words of {filename}, {dev}, not yet prepared", dev.words)
    return size if dev.rows is None else replace(size, dev_rows=dev.rows)


class ValidationCount(NamedTuple):
    """The words of a validation file, and its rows if it has some that are ready."""

    filename: str
    words: int
    rows: int | None = None

    def __str__(self) -> str:
        count = f"{self.words:,} words" if self.rows is None else f"{self.rows:,} rows"
        return f"dev: {count} of {self.filename}"


def count_validation(file: CountedFile, recipe: Recipe) -> ValidationCount:
    """Count a validation file. Raises InvalidValidationFile if there is nothing to count."""
    try:
        if file.has_ready_rows:
            lengths, scale = count_rows(file.path, file.filename, recipe)
            return ValidationCount(file.filename, sum(lengths), max(1, round(len(lengths) * scale)))
        return ValidationCount(file.filename, count_words(file.path, file.filename))
    except InvalidTrainingFile as error:
        raise InvalidValidationFile(error.message, problems=error.problems, next_step=error.next_step) from None


def size_of_ready_rows(path: Path, filename: str, recipe: Recipe, validation: CountedFile | None = None) -> DatasetSize:
    """Return the size of rows that are used as they are, less what is held out. Raises InvalidTrainingFile."""
    words, scale = count_rows(path, filename, recipe)
    dev = count_validation(validation, recipe) if validation else None
    rows = max(1, round(len(words) * scale * train_share(recipe.data.split, has_validation=dev is not None)))
    mean = max(1.0, TOKENS_PER_WORD * sum(words) / len(words))
    size = DatasetSize(
        rows=rows,
        tokens=round(rows * mean),
        longest_row=min(round(rows * mean), round(TOKENS_PER_WORD * max(words))),
        answer_tokens=round(rows * max(mean / 2, mean - PROMPT_TOKENS)),
        dev_rows=round(len(words) * scale * recipe.data.split.dev),
        basis=f"{len(words):,} rows of {filename}, {f'{dev}, ' if dev else ''}not yet prepared",
    )
    if dev:
        of_words = size_of_words(1, recipe, "", dev.words).dev_rows
        size = replace(size, dev_rows=dev.rows or of_words)
    return with_replay(size, recipe.training)


def count_rows(path: Path, filename: str, recipe: Recipe) -> tuple[list[int], float]:
    """Return the words of each row that was read, and how many times more all rows are. Raises InvalidTrainingFile."""
    count = count_preference if recipe.training.method == "dpo" else count_row
    with path.open("rb") as file:
        lines = file.readlines(READ_BYTES)
    words = [max(1, count(line)) for line in lines if line.strip()]
    if not words:
        raise InvalidTrainingFile(f"{filename} has no rows.", param="training_file")
    return words, max(1.0, path.stat().st_size / sum(map(len, lines)))


def count_row(line: bytes) -> int:
    """Return the words of a row, without its keys and roles."""
    return estimate_words(decode(line)) - ROW_KEYS


def count_preference(line: bytes) -> int:
    """Return the words of a preference with the longer of its answers; half of those of a line that is none."""
    try:
        row = json.loads(line)
        prompt, *answers = (
            count_row(json.dumps(row[part], ensure_ascii=False).encode("utf-8", "surrogatepass"))
            for part in ("input", "preferred_output", "non_preferred_output")
        )
    except (ValueError, KeyError, TypeError):
        return count_row(line) // 2
    return prompt + max(answers)


def count_words(path: Path, filename: str) -> int:
    """Return the words of a file or folder. Raises InvalidTrainingFile if there is nothing that can be read."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    words = 0
    for part in files:
        with part.open("rb") as file:
            words += count_in_file(
                file,
                part.relative_to(path).as_posix() if path.is_dir() else filename,
                part.stat().st_size,
                {".zip", *BOOKS},
            )
    if not words:
        raise InvalidTrainingFile(f"{filename} has no text that can be counted.", param="training_file")
    return words


def count_in_file(file: BinaryIO, filename: str, size: int, packed: Collection[str] = ()) -> int:
    """Return the words of one file of `size` bytes; 0 if it is of another kind. `packed` are the archives to open."""
    suffix = find_suffix(filename)
    if suffix in packed:
        return count_in_archive(file, filename)
    content = Content.MARKUP if filename in DOCUMENTS else CONTENTS.get(suffix)
    if content is None or content in UNCOUNTED or NOTES.search(filename):
        return 0
    text = file.read(READ_BYTES)
    return round(count_in_bytes(text, content) * max(1.0, size / max(1, len(text))))


def refuse_archive(reason: str) -> NoReturn:
    """Raise an error for an archive that would fill the memory."""
    raise zipfile.BadZipFile(f"it {reason}")


def count_in_archive(file: BinaryIO, filename: str) -> int:
    """Return the words of an archive's members; books in a .zip are opened, archives in a book are not."""
    packed = BOOKS if find_suffix(filename) == ".zip" else ()
    words = read = 0
    try:
        guarded = GuardedFile(file, MAX_MEMBERS, refuse_archive)
        with zipfile.ZipFile(guarded) as archive:
            guarded.opening = False
            for member in islice(archive.infolist(), MAX_MEMBERS):
                if read < READ_BYTES:
                    with archive.open(member) as part:
                        words += count_in_file(part, member.filename, member.file_size, packed)  # type: ignore[arg-type]
                read += member.file_size
    except ARCHIVE_DAMAGE as error:
        raise InvalidTrainingFile(f"{filename} is not a readable archive: {error}", param="training_file") from None
    return words
