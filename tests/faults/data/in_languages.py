"""Faults in novels that are not English: the same kinds in each language, with the words of the language where a fault
has words.

A fault of a passage is found if its code is reported at its place, or if cleaning removed it. A fault of a whole book
(running heads, hyphens, line ends, another encoding) is found if every word comes out as it was written.
"""

from __future__ import annotations

import itertools
import random
import re
import textwrap
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass

from bench.cut_chapters import FOLDER, ChapteredNovel, read_novel
from bench.languages import list_counted
from tests.faults.data import languages
from tests.faults.data.corruptions import (
    Paragraphs,
    change_paragraphs,
    change_words,
    disorder_letters,
    hyphenate,
    insert_paragraph,
    join_words,
    swap_signs,
)
from tests.faults.data.manuscripts import ManuscriptFault, copy_nearly, copy_paragraph, copy_whole, spoil_files
from tests.faults.data.passages import PassageFault

PAGE_LINES = 30
HYPHENATED_COLUMNS = 60


@dataclass(frozen=True)
class LanguageFaults:
    """The look of faults in a language: its old encodings, a foot of a page, an imprint, a foreign passage."""

    encodings: tuple[str, ...]
    page: str
    imprint: str
    foreign: str


LANGUAGES = {
    "de": LanguageFaults(
        ("cp1252",), "Seite 112 von 300", "Alle Rechte vorbehalten. ISBN 978-3-00-000000-2", languages.FRENCH
    ),
    "fr": LanguageFaults(
        ("cp1252",), "Page 112 sur 300", "Tous droits réservés. ISBN 978-2-00-000000-2", languages.GERMAN
    ),
    "es": LanguageFaults(
        ("cp1252",), "Página 112 de 300", "Todos los derechos reservados. ISBN 978-84-00-00000-2", languages.FRENCH
    ),
    "it": LanguageFaults(
        ("cp1252",), "Pagina 112 di 300", "Tutti i diritti riservati. ISBN 978-88-00-00000-2", languages.GERMAN
    ),
    "pl": LanguageFaults(
        ("cp1250",), "Strona 112 z 300", "Wszelkie prawa zastrzeżone. ISBN 978-83-00-00000-2", languages.GERMAN
    ),
    "ru": LanguageFaults(
        ("cp1251", "koi8-r"), "Страница 112 из 300", "Все права защищены. ISBN 978-5-00-000000-2", languages.GERMAN
    ),
}


@dataclass(frozen=True)
class BookFault:
    """A kind of fault that is in all of a book, and the function that writes the book with it."""

    name: str
    write: Callable[[ChapteredNovel, random.Random], bytes]


def lose_bytes(paragraphs: Paragraphs, rng: random.Random) -> Paragraphs:
    """Read UTF-8 as Windows' encoding, and lose every third byte that is no ASCII, which cannot be repaired."""
    counter = itertools.count()
    return [
        "".join(
            character
            for character in text.encode().decode("cp1252", "replace").replace("\ufffd", "")
            if character.isascii() or next(counter) % 3
        )
        for text in paragraphs
    ]


def passage_faults(code: str) -> Iterator[PassageFault]:
    """Yield the faults within a passage, for a language."""
    spec = LANGUAGES[code]
    yield PassageFault("lost characters", "replacement_character", insert_paragraph("Na\ufffdve, na\ufffdve."))
    yield PassageFault("damaged mojibake", "mojibake", lose_bytes)
    yield PassageFault("pages", "page_furniture", insert_paragraph(spec.page, "p. 211"))
    yield PassageFault("imprint", "boilerplate", insert_paragraph(spec.imprint))
    yield PassageFault("hyphens of line ends", "hyphen_left", change_words(hyphenate, 0.5))
    yield PassageFault("joined words", "joined_words", join_words)
    yield PassageFault("letters in disorder", "strange_words", disorder_letters)
    yield PassageFault("HTML", "html_left", change_paragraphs(lambda text: f"<p>{text}<br></p>"))
    yield PassageFault(
        "Markdown", "markdown_left", change_paragraphs(lambda text: re.sub(r"\w+", r"**\g<0>**", text, count=2))
    )
    yield PassageFault("notes to oneself", "draft_mark", insert_paragraph("TODO"))
    yield PassageFault("another language", "other_language", insert_paragraph(spec.foreign))
    if code != "ru":  # whose letters no digit looks like
        yield PassageFault("scanned letters as digits", "ocr_garbage", change_words(swap_signs, 0.5))


MANUSCRIPT_FAULTS = [
    ManuscriptFault("copied passage", "passage_repeated", copy_whole),
    ManuscriptFault("nearly copied passage", "near_duplicate", copy_nearly),
    ManuscriptFault("copied paragraph", "paragraph_repeated", copy_paragraph),
    ManuscriptFault("binary file", "invalid_training_file", spoil_files(lambda raw, _: raw[:99] + b"\0\1" + raw[99:])),
]  # fmt: skip


def book_faults(code: str) -> Iterator[BookFault]:
    """Yield the faults of a whole book, for a language."""
    for encoding in LANGUAGES[code].encodings:
        yield BookFault(f"{encoding}", lambda novel, _, name=encoding: write_book(novel).encode(name, "ignore"))  # type: ignore[misc]
    yield BookFault("mixed line ends", write_mixed_ends)
    yield BookFault("running heads and page numbers", write_pages)
    yield BookFault("words cut at line ends", write_hyphens)


def write_book(novel: ChapteredNovel) -> str:
    """Write the story alone, in lines of one width."""
    return "\n\n".join(textwrap.fill(text, 72, break_on_hyphens=False) for text in list_story(novel)) + "\n"


def list_story(novel: ChapteredNovel) -> list[str]:
    """Return the paragraphs of a novel."""
    return [text for chapter in novel.chapters for text in chapter.paragraphs]


def write_mixed_ends(novel: ChapteredNovel, rng: random.Random) -> bytes:
    """Write a book whose lines end in three ways, half by half."""
    half = (text := write_book(novel)).rfind("\n", 0, len(text) // 2)
    return text[:half].replace("\n", "\r\n").encode() + text[half:].encode()


def write_pages(novel: ChapteredNovel, rng: random.Random) -> bytes:
    """Write a book with its title at the top of every page, and the page's number at its foot."""
    lines = write_book(novel).split("\n")
    pages = [lines[start : start + PAGE_LINES] for start in range(0, len(lines), PAGE_LINES)]
    made = (
        "\n".join([novel.title.upper(), "", *page, "", str(number)]) for number, page in enumerate(pages, start=11)
    )  # fmt: skip
    return "\n\f".join(made).encode()


def write_hyphens(novel: ChapteredNovel, rng: random.Random) -> bytes:
    """Write a book with long words cut at the ends of lines, as a typesetter cuts them."""
    words = set(list_counted(*list_story(novel)))
    return "\n\n".join("\n".join(hyphenate_lines(text, words)) for text in list_story(novel)).encode()


def hyphenate_lines(text: str, words: Set[str]) -> Iterator[str]:
    """Yield lines of a paragraph; a long word that does not fit is cut in its middle, but never between two `words`.

    Nobody could tell whether that was a compound with a hyphen.
    """
    line = ""
    for word in text.split(" "):
        if len(line) + len(word) > HYPHENATED_COLUMNS:
            middle = len(word) // 2
            cut = len(word) > 6 and word.isalpha() and word.islower() and not {word[:middle], word[middle:]} <= words
            yield f"{line} {word[:middle]}-" if cut else line
            line = word[middle:] if cut else word
        else:
            line = f"{line} {word}".strip()
    yield line


def read_language_novel(code: str) -> ChapteredNovel:
    """Return the novel of a language."""
    return read_novel(FOLDER / f"{code}.json.xz")
