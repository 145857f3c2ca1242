"""Headings and paragraphs as a format gives them, gathered into a part.

Where headings do not divide a text, its layout has to tell the chapters: then empty paragraphs and page breaks stay, as
a plain text has them.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from scriptorium.contracts import Finding
from services.data.readers.manuscript import Part, Section, write_outline

FEWEST_SECTIONS = 2  # with text; the one heading of a text is its title
PAGE = "\f"
SCENE_BREAK = "* * *"
UNSEEN = re.compile("[\xad\u200b\u2060\ufeff]")  # where a word may be cut at the end of a line, and marks of order
APART = "\n\n\n"  # around the one heading of a text


@dataclass
class Structure:
    """What was read of one file so far; `left_out` counts what is no prose, by its name in the plural."""

    name: str
    pieces: list[tuple[int, str]] = field(default_factory=list)  # level, 0 for a paragraph
    left_out: Counter[str] = field(default_factory=Counter)

    def heading(self, level: int, text: str) -> None:
        """Add a heading, each of its lines for itself; an empty one is none."""
        self.pieces += [(level, line) for line in tidy(text).split("\n") if line]

    def paragraph(self, text: str) -> None:
        """Add a paragraph, whose line breaks are meant; an empty one is a gap."""
        self.pieces.append((0, tidy(text)))

    def page(self) -> None:
        """Add a page break."""
        self.pieces.append((0, PAGE))

    def part(self) -> Part:
        """The part that all of it makes."""
        sections = self.sections()
        sections = sections if sum(bool(section.paragraphs) for section in sections) >= FEWEST_SECTIONS else ()
        text = "\n\n".join("\n\n".join([section.heading, *section.paragraphs]).strip() for section in sections)
        return Part(self.name, text or self.plain(), write_outline(sections))

    def sections(self) -> tuple[Section, ...]:
        """Each heading and what follows it; what comes before the first one is a section, too."""
        found = [Section("", 1, [])]
        for level, text in self.pieces:
            if level:
                found.append(Section(text, level, []))
            elif text and text != PAGE:
                found[-1].paragraphs.append(text)
        return tuple(section for section in found if section.heading or section.paragraphs)

    def plain(self) -> str:
        """The same as a plain text lies on the page."""
        lines = [f"{APART}{text}{APART}" if level else text for level, text in self.pieces]
        return "\n\n".join(lines).strip("\n\f ")

    def findings(self) -> list[Finding]:
        """What was left out."""
        if not self.left_out:
            return []
        seen = ", ".join(f"{count:,} {what}" for what, count in sorted(self.left_out.items()))
        return [Finding(code="markup_left_out", place=self.name, message=f"left out, as it is no prose: {seen}")]


def tidy(text: str) -> str:
    """Lines without needless white space."""
    lines = (" ".join(line.split()) for line in UNSEEN.sub("", text).split("\n"))
    return "\n".join(line for line in lines if line)
