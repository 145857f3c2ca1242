"""What reading gives: texts, with their headings where the format knows them, and rows that are ready to train."""

from __future__ import annotations

from dataclasses import dataclass, field

from scriptorium.chat import Message
from scriptorium.contracts import Finding


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
    text: str
    sections: tuple[Section, ...] = ()
    line: int = 1


@dataclass(frozen=True)
class Example:
    """A row that is ready to train: its messages, the assistant's answer last; `place` is its file and line."""

    place: str
    chapter: str
    messages: tuple[Message, ...]


@dataclass(frozen=True)
class Manuscript:
    """Every text of a manuscript in reading order, and every ready row; curated parts are one passage each."""

    parts: list[Part]
    curated: bool
    findings: list[Finding] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
