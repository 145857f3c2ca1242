"""The contents of an EPUB: the titles of its chapters, and their places in the documents where no heading has them."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from lxml import etree

from services.data.readers.archive import Archive
from services.data.readers.formats.html import Marks
from services.data.readers.structure import FORM_FEED, Structure
from services.data.readers.xml import parse_xml

WORD = re.compile(r"[^\W_]+")

Titles = Sequence[tuple[str, str]]  # of one document: the anchor in it, "" for its start, and the title
Contents = Mapping[str, Titles]  # by the names of documents


def read_contents(archive: Archive, navigations: Sequence[str], ncx_files: Sequence[str]) -> Contents:
    """Return the titles in the contents: those of an EPUB 3's navigation or, if it has none, of an EPUB 2's."""
    for names, read in ((navigations, read_nav), (ncx_files, read_ncx)):
        contents: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for name in names:
            for target, title in read(parse_xml(archive.read(name), recover=True)):
                document, _, anchor = target.partition("#")
                contents[resolve(posixpath.dirname(name), document)].append((unquote(anchor), " ".join(title.split())))
        if contents:
            return contents
    return {}


def read_nav(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield targets and labels of an EPUB 3's navigation; lists of pages and landmarks come after the contents."""
    for nav in list(root.iter("{*}nav"))[:1]:
        for link in nav.iter("{*}a"):
            yield str(link.get("href", "")), "".join(map(str, link.itertext()))


def read_ncx(root: etree._Element) -> Iterator[tuple[str, str]]:
    """Yield targets and labels of an EPUB 2's contents."""
    for point in root.iter("{*}navPoint"):
        content, label = point.find("{*}content"), point.find("{*}navLabel/{*}text")
        if content is not None and label is not None:
            yield str(content.get("src", "")), str(label.text or "")


def place_titles(structure: Structure, start: int, titles: Titles, marks: Marks) -> None:
    """Add titles as headings to a document, whose pieces begin at a number, where it has none of its own."""
    at_start = [title for anchor, title in titles if not anchor or not marks][:1]
    places = [*((start, title) for title in at_start), *marks]
    end = len(structure.pieces)
    for position, title in reversed(places):
        pieces = structure.pieces[position:end]
        has_text = any(text not in ("", FORM_FEED) for _, text in pieces)
        if (
            title
            and has_text
            and not any(level for level, _ in pieces)
            and not repeats(structure, start, position, title)
        ):
            structure.pieces[position:end] = [(1, title), *drop_title(pieces, title)]
        end = position


def repeats(structure: Structure, start: int, position: int, title: str) -> bool:
    """Return whether a title is the heading right above it."""
    above = (piece for piece in reversed(structure.pieces[start:position]) if piece[1] not in ("", FORM_FEED))
    level, text = next(above, (0, ""))
    return level > 0 and split_words(text) == split_words(title)


def drop_title(pieces: Sequence[tuple[int, str]], title: str) -> list[tuple[int, str]]:
    """Return pieces without the paragraphs at their start that are the title, perhaps its number and its name."""
    rest = split_words(title)
    for index, (_, text) in enumerate(pieces):
        words = split_words(text)
        if words != rest[: len(words)]:
            return list(pieces[index:])
        rest = rest[len(words) :]
    return list(pieces)


def split_words(text: str) -> list[str]:
    """Return the words of a title, without its signs and capitals."""
    return WORD.findall(text.casefold())


def resolve(folder: str, target: str) -> str:
    """Return the name in the archive that a link points at."""
    return posixpath.normpath(posixpath.join(folder, unquote(target.partition("#")[0])))
