"""Which files of a manuscript make a book, told by its folders and by what is in the files.

A folder of chapter files is one book; a file with a whole book in it is one, too, if most files beside it are like
that. A folder in a folder is a book of its own, unless it is named like a part of one ("Part 2") and is no longer than
one. docs/adr/0060-several-books-stay-apart.md gives the reasons.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import PurePosixPath

from scriptorium.text.titles import choose_title, read_name
from services.data.cleaning.headings import BARE_NUMBER, is_labelled
from services.data.readers import Part

MIN_SEVERAL = 2
MIN_BOOK_CHAPTERS = 3
MIN_BOOK_WORDS = 10_000  # with so many chapters; a file of one chapter may have several scenes with headings
MIN_WHOLE_WORDS = 20_000  # more than a chapter has, so that the file's own were not recognised
MAX_DIVISION_WORDS = 40_000  # more than most parts of a book have
NAME_GAP = re.compile(r"[_-]|(?<=[^\W\d_])(?=\d)")  # "part-2" and "part2" are "part 2"
PUBLICATIONS = frozenset([".epub", ".fb2"])  # formats in which nobody saves a single chapter


@dataclass(frozen=True)
class ChapterSize:
    """The file of a chapter, its title, which is unique in the manuscript, and its words."""

    source: str
    title: str
    words: int


@dataclass(frozen=True)
class SourceFile:
    """A file of a manuscript: its name with its folders, the title that it states, its chapters and words."""

    name: str
    title: str
    chapters: int
    words: int

    @property
    def path(self) -> PurePosixPath:
        """The path in the manuscript; a name in an archive may begin like one of a machine."""
        return PurePosixPath(self.name.lstrip("/"))

    @property
    def is_whole(self) -> bool:
        """Whether it has a whole book in it."""
        if is_division(self.path.stem, self.words):
            return False
        if self.path.suffix.lower() in PUBLICATIONS or self.words >= MIN_WHOLE_WORDS:
            return True
        return self.chapters >= MIN_BOOK_CHAPTERS and (self.title != "" or self.words >= MIN_BOOK_WORDS)


@dataclass(frozen=True)
class SeparateBook:
    """One of several books: its name, unique in the manuscript, its files and their folder.

    `shelf` is the outermost folder that it shares with some of the other books but not with all.
    """

    name: str
    folder: PurePosixPath
    files: tuple[SourceFile, ...]
    shelf: str = ""

    @property
    def place(self) -> PurePosixPath:
        """The path of its only file, or else of their folder."""
        return self.files[0].path if len(self.files) == 1 else self.folder


def list_files(parts: Sequence[Part], chapters: Sequence[ChapterSize]) -> list[SourceFile]:
    """List the files of a manuscript, in its order."""
    titles = {part.name: choose_title(part.title, "") for part in parts}
    counts = Counter(chapter.source for chapter in chapters)
    words: Counter[str] = Counter()
    for chapter in chapters:
        words[chapter.source] += chapter.words
    return [SourceFile(name, title, counts[name], words[name]) for name, title in titles.items()]


def tell_books(files: Sequence[SourceFile], filename: str) -> list[SeparateBook]:
    """Return the books of a manuscript in its order if there are several; none if it is one."""
    books = find_books(PurePosixPath(), files)
    if len(books) < MIN_SEVERAL:
        return []
    order = {file.name: number for number, file in enumerate(files)}
    books.sort(key=lambda book: order[book.files[0].name])
    return name_shelves(make_names_unique([replace(book, name=choose_name(book, filename)) for book in books]))


def find_books(folder: PurePosixPath, files: Iterable[SourceFile]) -> list[SeparateBook]:
    """Return the books in a folder, not named yet."""
    own: list[SourceFile] = []
    subfolders: dict[str, list[SourceFile]] = {}
    for file in files:
        inside = file.path.relative_to(folder).parts
        (subfolders.setdefault(inside[0], []) if len(inside) > 1 else own).append(file)
    books: list[SeparateBook] = []
    whole = sum(file.is_whole for file in own)
    if whole >= MIN_SEVERAL and len(own) < 2 * whole:
        books, own = [SeparateBook("", folder, (file,)) for file in own], []
    divisions = find_divisions(subfolders) if own or len(subfolders) > 1 else set()
    for name, members in subfolders.items():
        if name in divisions:
            own += members
        else:
            books += find_books(folder / name, members)
    return [*books, SeparateBook("", folder, tuple(own))] if own else books


def find_divisions(subfolders: Mapping[str, Sequence[SourceFile]]) -> set[str]:
    """Return the folders that are parts of one book; none if most of them are not named like that."""
    divisions = {name for name, files in subfolders.items() if is_division(name, sum(file.words for file in files))}
    return divisions if 2 * len(divisions) >= len(subfolders) else set()


def is_division(name: str, words: int) -> bool:
    """Return whether a file or folder is named like a part of a book, and has no more words than one."""
    readable = " ".join(NAME_GAP.sub(" ", name).split())
    return words < MAX_DIVISION_WORDS and bool(is_labelled(readable) or BARE_NUMBER.match(readable))


def choose_name(book: SeparateBook, filename: str) -> str:
    """Return what a book's only file states, or else the name of that file or of the folder made readable."""
    if len(book.files) == 1:
        return choose_title(book.files[0].title, book.files[0].path.name)
    return read_name(f"{book.folder.name}.txt") if book.folder.name else read_name(filename)


def make_names_unique(books: Sequence[SeparateBook]) -> list[SeparateBook]:
    """Return the books, those of the same name told apart by their paths."""
    counts = Counter(book.name.casefold() for book in books)
    return [
        book if counts[book.name.casefold()] == 1 else replace(book, name=f"{book.name} ({book.place})")
        for book in books
    ]


def name_shelves(books: Sequence[SeparateBook]) -> list[SeparateBook]:
    """Return the books with their shelves, if a folder has several of them, but not all."""
    folders = [book.place.parts[:-1] for book in books]
    common = len(list(takewhile(lambda names: len(set(names)) == 1, zip(*folders, strict=False))))
    shelves = [next(iter(names[common:]), "") for names in folders]
    counts = Counter(filter(None, shelves))
    if not counts or max(counts.values()) < MIN_SEVERAL:
        return list(books)
    return [replace(book, shelf=shelf) for book, shelf in zip(books, shelves, strict=True)]
