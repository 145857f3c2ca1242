"""What reading gives: texts, with their headings where the format knows them, and rows that are ready to train."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scriptorium.contracts import Finding
from scriptorium.models.tokenizer import Message
from services.data.text_file import Held, Keep, read


@dataclass(frozen=True)
class Section:
    """A heading with its level, 1 for the highest, and the paragraphs under it; no heading where a text begins."""

    heading: str
    level: int
    paragraphs: list[str]


@dataclass(frozen=True)
class Part:
    """A text with a name, as a label. `sections` hold the same text where its format told headings from paragraphs.

    A long text comes in several parts of one name; `line` is the number of the first line.
    """

    name: str
    whole: Held
    outline: Held = ""  # the sections as JSON
    line: int = 1

    @property
    def text(self) -> str:
        """All of it."""
        return read(self.whole)

    @property
    def sections(self) -> tuple[Section, ...]:
        """What stands under each heading."""
        return tuple(Section(*each) for each in json.loads(read(self.outline) or "[]"))

    def kept(self, keep: Keep) -> Part:
        """The same, its text kept elsewhere."""
        return replace(self, whole=keep(read(self.whole)), outline=keep(read(self.outline)))


def write_outline(sections: Sequence[Section]) -> str:
    """Sections as JSON."""
    return json.dumps([(each.heading, each.level, each.paragraphs) for each in sections], ensure_ascii=False)


@dataclass(frozen=True)
class Example:
    """A row that is ready to train: its messages, the assistant's answer last; `place` is its file and line."""

    place: str
    chapter: str
    said: Held  # the messages as JSON

    @property
    def messages(self) -> tuple[Message, ...]:
        """Every turn."""
        return tuple(json.loads(read(self.said)))

    def kept(self, keep: Keep) -> Example:
        """The same, its messages kept elsewhere."""
        return replace(self, said=keep(read(self.said)))


@dataclass(frozen=True)
class Manuscript:
    """Every text of a manuscript in reading order, and every ready row; curated parts are one passage each."""

    parts: list[Part]
    curated: bool
    findings: list[Finding] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
