"""Passages that know their book: its name begins the titles of their chapters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from scriptorium.contracts import BookSummary
from services.data.books.tell_books import MIN_SEVERAL, ChapterSize, SeparateBook, SourceFile
from services.data.passage import Passage


def name_passages(
    passages: Sequence[Passage], chapters: Sequence[ChapterSize], books: Sequence[SeparateBook]
) -> list[Passage]:
    """Return the passages with their books; the same ones if there is only one book."""
    if not books:
        return list(passages)
    owners = {file.name: (book, file) for book in books for file in book.files}
    names: dict[str, tuple[str, str]] = {}
    counts: Counter[str] = Counter()
    for chapter in chapters:
        book, file = owners[chapter.source]
        title = name_chapter(chapter, book, file)
        counts[title] += 1
        names[chapter.title] = book.name, title if counts[title] == 1 else f"{title} ({counts[title]})"
    return [replace(passage, book=names[passage.chapter][0], chapter=names[passage.chapter][1]) for passage in passages]


def name_chapter(chapter: ChapterSize, book: SeparateBook, file: SourceFile) -> str:
    """Return the title of a chapter behind the name of its book, and of its file if the book has several."""
    inside = [] if len(book.files) == 1 else [read_path(file.path.relative_to(book.folder))]
    title = [] if chapter.title == chapter.source else [chapter.title.removeprefix(f"{chapter.source}: ")]
    return ": ".join([book.name, *inside, *title])


def read_path(path: PurePosixPath) -> str:
    """Return the path of a file without its type."""
    return path.with_suffix("").as_posix()


def summarise_books(passages: Sequence[Passage], splits: Mapping[str, Sequence[Passage]]) -> list[BookSummary]:
    """Summarise the books in their order, with the passages of each split; nothing if there is one book."""
    members: dict[str, list[Passage]] = {}
    for passage in passages:
        members.setdefault(passage.book, []).append(passage)
    if len(members) < MIN_SEVERAL:
        return []
    counts = {name: Counter(passage.book for passage in split) for name, split in splits.items()}
    return [
        BookSummary(
            name=book,
            words=sum(passage.words for passage in own),
            chapters=len({passage.chapter for passage in own}),
            splits={name: count[book] for name, count in counts.items() if count[book]},
        )
        for book, own in members.items()
        if book
    ]
