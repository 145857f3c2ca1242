"""The headings and paragraphs of a format, collected into a part.

If headings do not divide a text, cleaning has to find the chapters by its layout. Empty paragraphs and page breaks then
stay, as in a plain text.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from scriptorium.contracts import Finding
from services.data.readers.manuscript import ManuscriptSection, Part, dump_sections

MIN_SECTIONS = 2  # with text; the only heading of a text is its title
FORM_FEED = "\f"
SCENE_BREAK = "* * *"
# Places at which a word may be cut at the end of a line, and byte order marks.
INVISIBLE_CHARACTERS = re.compile("[\xad\u200b\u2060\ufeff]")
HEADING_GAP = "\n\n\n"  # around the only heading of a text


@dataclass
class Structure:
    """The content of one file, read so far; `left_out` counts what is not prose, by its name in the plural."""

    name: str
    pieces: list[tuple[int, str]] = field(default_factory=list)  # level, 0 for a paragraph
    left_out: Counter[str] = field(default_factory=Counter)
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
        counts = ", ".join(f"{count:,} {name}" for name, count in sorted(self.left_out.items()))
        return [Finding(code="markup_left_out", place=self.name, message=f"left out, as it is not prose: {counts}")]


def tidy_lines(text: str) -> str:
    """Return the lines of a text without superfluous white space."""
    lines = (" ".join(line.split()) for line in INVISIBLE_CHARACTERS.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line)
