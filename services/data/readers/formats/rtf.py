"""Rich text (.rtf): paragraphs with their styles, tracked changes accepted.

It is read token by token; docs/adr/0057-rich-text-is-read-token-by-token.md says why no library does.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from scriptorium.contracts import Finding
from services.data.readers.decode import Unreadable, mend_characters, note_replacements
from services.data.readers.encodings.rtf_charsets import FONT_WORDS, Fonts
from services.data.readers.formats.rtf_words import (
    DASHES,
    LEFT_OUT,
    LEFT_OUT_LEVEL,
    OPTIONAL_PROSE,
    PAGE_ENDS,
    PARAGRAPH_ENDS,
    READ_DESTINATIONS,
    ROW_ENDS,
    SIGNS,
    SYMBOLS,
    Group,
    find_level,
)
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import Structure

START = re.compile(rb"(?:\xef\xbb\xbf)?\s*\{\\rtf")
TOKEN = re.compile(
    rb"\\([A-Za-z]{1,32})(-?[0-9]{1,10})? ?|\\'([0-9A-Fa-f]{2})|\\([^A-Za-z])|([{}])|([^\\{}\r\n]+)|[\r\n]+|\\",
    re.DOTALL,
)
MAX_DEPTH = 1000  # groups in groups; documents have a dozen


def read_rtf(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    structure = Structure(entry.name)
    findings += [*feed_rtf(entry.read(), structure, entry.name), *structure.findings()]
    yield structure.make_part()


def feed_rtf(raw: bytes, structure: Structure, place: str) -> list[Finding]:
    """Add the content of a file to a structure, and return findings about its characters; raises Unreadable."""
    start = len(structure.pieces)
    RtfParser(structure).read(raw)
    return list(note_replacements("\n\n".join(text for _, text in structure.pieces[start:]), place))


class RtfParser:
    """Reads one file into a structure."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.group = Group()
        self.groups: list[Group] = []
        self.optional = False  # if a sign said that the next destination may be ignored
        self.fallbacks_left = 0
        self.bytes = bytearray()  # not yet decoded
        self.text: list[str] = []  # of the paragraph
        self.mark: list[str] = []  # its number or sign in a list
        self.table_start: int | None = None
        self.fonts = Fonts()
        self.levels: dict[int, int] = {}  # of headings, by the numbers of their styles
        self.name: list[str] = []  # of a style, or a title

    def read(self, raw: bytes) -> None:
        """Read a file; raises Unreadable."""
        if not START.match(raw):
            raise Unreadable("is no rich text; open it in a word processor and save it as .rtf or .docx")
        position = raw.index(b"{")
        while position < len(raw):
            token = TOKEN.match(raw, position)
            if token is None:
                break
            position = token.end()
            word, number, code, symbol, brace, text = token.groups()
            if brace == b"{":
                self.open_group()
            elif brace:
                self.close_group()
                if not self.groups:
                    self.finish_document()
                    return
            elif word == b"bin":
                position += max(0, int(number or 0))
            elif word:
                self.take_word(word.decode("ascii"), int(number) if number else None)
            elif code or text:
                self.take_bytes(bytes.fromhex(code.decode("ascii")) if code else text)
            elif symbol:
                self.take_symbol(symbol.decode("latin-1"))
        raise Unreadable("ends too early, inside a group: it is incomplete; save it again")

    def open_group(self) -> None:
        """Take an opening brace."""
        self.decode_bytes()
        self.fallbacks_left = 0
        self.groups.append(self.group)
        if len(self.groups) > MAX_DEPTH:
            raise Unreadable(f"has more than {MAX_DEPTH:,} groups in one another; save it again")
        self.group = replace(self.group)

    def close_group(self) -> None:
        """Take a closing brace."""
        self.decode_bytes()
        self.fallbacks_left, self.optional = 0, False
        if self.group.destination == "title" and self.groups[-1].destination == "info":
            self.structure.title = self.structure.title or self.take_name()
        elif self.group.destination == "stylesheet" and (name := self.take_name()):
            self.levels[self.group.style] = find_level(name, self.group.level)
        self.group = self.groups.pop()

    def take_name(self) -> str:
        """Return the name that has been read."""
        name = "".join(self.name).strip().rstrip(";").rstrip()
        self.name.clear()
        return name

    def take_symbol(self, symbol: str) -> None:
        """Take a backslash with a sign."""
        if symbol == "*":
            self.optional = True
        elif symbol in "\r\n":
            self.take_word("par", None)
        elif symbol in SYMBOLS:
            self.add_text(SYMBOLS[symbol])

    def take_word(self, word: str, number: int | None) -> None:
        """Take a control word."""
        optional, self.optional = self.optional, False
        if word == "u" and number:
            self.add_text(chr(number % 0x10000))
            self.fallbacks_left = self.group.fallbacks
        elif self.group.skipping:
            return
        elif word in LEFT_OUT or (optional and word not in (*READ_DESTINATIONS, *OPTIONAL_PROSE)):
            self.decode_bytes()
            self.group.skipping = True
            self.structure.left_out.update({LEFT_OUT[word]: 1} if LEFT_OUT.get(word) else {})
        elif word in READ_DESTINATIONS or (word == "title" and self.group.destination == "info"):
            self.group.destination = word
        elif self.group.destination in ("", "listtext", "pntext") and self.take_sign(word):
            return
        else:
            self.take_property(word, number)

    def take_sign(self, word: str) -> bool:
        """Take a word that stands for a character or an end, and return whether it is one."""
        if word in SIGNS:
            self.add_text(SIGNS[word])
        elif word in PARAGRAPH_ENDS:
            self.finish_paragraph()
        elif word in (*PAGE_ENDS, *ROW_ENDS):
            if self.has_text():
                self.finish_paragraph()
            if word in PAGE_ENDS:
                self.structure.add_page_break()
        else:
            return False
        return True

    def take_property(self, word: str, number: int | None) -> None:
        """Take a property of the document, of a paragraph or of characters."""
        group = self.group
        if word in FONT_WORDS:
            self.decode_bytes()
            in_table = group.destination == "fonttbl"
            group.codec = self.fonts.take_word(word, number or 0, in_table=in_table) or group.codec
        elif word == "uc":
            group.fallbacks = max(0, min(number or 0, 16))
        elif word in ("v", "plain"):
            self.decode_bytes()
            group.hidden = word == "v" and number != 0
            group.deleted = group.deleted and word != "plain"
        elif word == "deleted":
            self.decode_bytes()
            group.deleted = number != 0
        elif word == "pard":
            group.style, group.level, group.in_table = 0, None, False
        elif word in ("s", "cs", "ds", "ts"):
            group.style = number or 0 if word == "s" else group.style if group.destination == "" else -1
        elif word == "outlinelevel":
            group.level = number
        elif word == "intbl":
            group.in_table = True
        elif word == "pagebb" and number != 0 and group.destination == "":
            self.structure.add_page_break()

    def take_bytes(self, data: bytes) -> None:
        """Take text that is not decoded yet, without what only stands in for a character before it."""
        if self.group.skipping:
            return
        skipped = min(self.fallbacks_left, len(data))
        self.fallbacks_left -= skipped
        self.bytes += data[skipped:]

    def decode_bytes(self) -> None:
        """Add the text of the bytes read so far."""
        if self.bytes:
            text = self.bytes.decode(self.group.codec, "replace")
            self.bytes.clear()
            self.add_text(text)

    def add_text(self, text: str) -> None:
        """Add text where the group's text goes."""
        self.decode_bytes()
        self.fallbacks_left = 0
        group = self.group
        if group.skipping or group.destination in ("fonttbl", "info"):
            return
        if group.destination in ("stylesheet", "title"):
            self.name.append(text)
        elif group.hidden or group.deleted:
            self.structure.leave_out("deleted pieces" if group.deleted else "hidden pieces", text)
        else:
            (self.mark if group.destination else self.text).append(text)

    def has_text(self) -> bool:
        """Return whether the paragraph has any text yet."""
        self.decode_bytes()
        return bool("".join(self.text).strip())

    def finish_paragraph(self) -> None:
        """Add the paragraph that ends here: as a heading if its style makes it one."""
        self.decode_bytes()
        mark, text = "".join(self.mark).strip(), mend_characters("".join(self.text))
        self.mark.clear()
        self.text.clear()
        if text.strip() and mark and (mark in DASHES or any(map(str.isalnum, mark))):
            text = f"{mark} {text}"
        group = self.group
        if not group.in_table:
            self.finish_table()
        elif self.table_start is None:
            self.table_start = len(self.structure.pieces)
        level = group.find_heading(self.levels)
        if level == LEFT_OUT_LEVEL and text.strip():
            self.structure.leave_out("lines of contents", text)
        elif level == LEFT_OUT_LEVEL:
            return
        elif level and text.strip():
            self.structure.add_heading(level, text)
        else:
            self.structure.add_paragraph(text)

    def finish_table(self) -> None:
        """End a table, if one is open."""
        if self.table_start is not None:
            self.structure.drop_table(self.table_start)
            self.table_start = None

    def finish_document(self) -> None:
        """Add the last paragraph, which needs no mark of its end."""
        if "".join(self.text).strip():
            self.finish_paragraph()
        self.finish_table()
