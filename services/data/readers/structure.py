"""The headings and paragraphs of a format, collected into a part.

If headings do not divide a text, cleaning has to find the chapters by its layout. Empty paragraphs and page breaks then
stay, as in a plain text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from scriptorium.contracts import Finding
from scriptorium.text.sentences import CLOSING_SIGNS, SENTENCE_STOPS
from scriptorium.text.word_spans import count_running_words
from services.data.readers.manuscript import ManuscriptSection, Part, dump_sections

MIN_SECTIONS = 2  # with text; the only heading of a text is its title
FORM_FEED = "\f"
SCENE_BREAK = "* * *"
# Places at which a word may be cut at the end of a line, and byte order marks.
INVISIBLE_CHARACTERS = re.compile("[\xad\u200b\u2060\ufeff]")
HEADING_GAP = "\n\n\n"  # around the only heading of a text
MIN_PROSE_WORDS = 40  # in a table's longest paragraph: then the table is the layout of a page
MIN_SENTENCE_WORDS = 5  # "2 d." in a price list is none
SENTENCE = re.compile(rf"[{SENTENCE_STOPS}][{CLOSING_SIGNS}]*$")


@dataclass
class Structure:
    """The content of one file, read so far.

    `left_out` counts what is not prose, by its name in the plural, and `left_out_words` the words in it.
    """

    name: str
    pieces: list[tuple[int, str]] = field(default_factory=list)  # level, 0 for a paragraph
    left_out: Counter[str] = field(default_factory=Counter)
    left_out_words: Counter[str] = field(default_factory=Counter)
    title: str = ""  # that the file states about itself

    def add_heading(self, level: int, text: str) -> None:
        """Add each line of a heading as its own heading; skip empty ones."""
        self.pieces += [(level, line) for line in tidy_lines(text).split("\n") if line]

    def add_paragraph(self, text: str) -> None:
        """Add a paragraph with its line breaks; an empty one is a gap."""
        self.pieces.append((0, tidy_lines(text)))

    def add_page_break(self) -> None:
        """Add a page break."""
        self.pieces.append((0, FORM_FEED))

    def leave_out(self, name: str, text: str = "") -> None:
        """Count a piece that is left out, and its words."""
        self.left_out[name] += 1
        self.left_out_words[name] += count_running_words(text)

    def drop_since(self, start: int, name: str) -> None:
        """Leave out the pieces from a number on, as one."""
        self.leave_out(name, self.text_since(start))
        del self.pieces[start:]

    def text_since(self, start: int) -> str:
        """Return the text of the pieces from a number on."""
        return "\n".join(text for _, text in self.pieces[start:])

    def drop_table(self, start: int) -> None:
        """Leave out the table whose pieces begin at a number, unless it has prose."""
        if not is_prose_table([text for _, text in self.pieces[start:] if text not in ("", FORM_FEED)]):
            self.drop_since(start, "tables")

    def make_part(self) -> Part:
        """Return all of it as a part."""
        sections = self.collect_sections()
        sections = sections if sum(bool(section.paragraphs) for section in sections) >= MIN_SECTIONS else ()
        text = "\n\n".join("\n\n".join([section.heading, *section.paragraphs]).strip() for section in sections)
        return Part(self.name, text or self.join_plain(), dump_sections(sections), title=self.title)

    def collect_sections(self) -> tuple[ManuscriptSection, ...]:
        """Return each heading with the paragraphs after it; paragraphs before the first one are a section, too."""
        sections = [ManuscriptSection("", 1, [])]
        for level, text in self.pieces:
            if level:
                sections.append(ManuscriptSection(text, level, []))
            elif text and text != FORM_FEED:
                sections[-1].paragraphs.append(text)
        return tuple(section for section in sections if section.heading or section.paragraphs)

    def join_plain(self) -> str:
        """Return the content laid out as a plain text."""
        lines = [f"{HEADING_GAP}{text}{HEADING_GAP}" if level else text for level, text in self.pieces]
        return "\n\n".join(lines).strip("\n\f ")

    def findings(self) -> list[Finding]:
        """Return a finding about what was left out, if anything."""
        if not self.left_out:
            return []
        counts = ", ".join(
            f"{count:,} {name}{self.describe_words(name)}" for name, count in sorted(self.left_out.items())
        )
        return [Finding(code="markup_left_out", place=self.name, message=f"left out, as it is not prose: {counts}")]

    def describe_words(self, name: str) -> str:
        """Return how many words of a kind were left out, in brackets; nothing if there were none."""
        words = self.left_out_words[name]
        return f" ({words:,} word{'' if words == 1 else 's'})" if words else ""


def is_prose_table(paragraphs: Sequence[str]) -> bool:
    """Return whether a table is the layout of prose, not data: it has a long paragraph, or is mostly sentences."""
    sizes = {text: count_running_words(text) for text in paragraphs}
    sentences = sum(size for text, size in sizes.items() if size >= MIN_SENTENCE_WORDS and SENTENCE.search(text))
    return max(sizes.values(), default=0) >= MIN_PROSE_WORDS or 0 < sum(sizes.values()) <= 2 * sentences


def tidy_lines(text: str) -> str:
    """Return the lines of a text without superfluous white space."""
    lines = (" ".join(line.split()) for line in INVISIBLE_CHARACTERS.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line)
