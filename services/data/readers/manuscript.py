"""What a manuscript holds: texts, with their headings if the format has them, and rows that are ready to train."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from scriptorium.contracts import Finding
from scriptorium.contracts.base import Message
from services.data.text_file import LazyText, StoreText, load_text


@dataclass(frozen=True)
class ManuscriptSection:
    """A heading with its level, 1 for the highest, and the paragraphs under it; at the start, it may be empty."""

    heading: str
    level: int
    paragraphs: list[str]


@dataclass(frozen=True)
class Part:
    """A text with a name, which is a label; `sections` hold the same text if its format marks headings.

    A long text comes in several parts of one name; `line` is the number of the first line. `title` is the one that its
    file states.
    """

    name: str
    stored_text: LazyText
    stored_sections: LazyText = ""  # as JSON
    line: int = 1
    title: str = ""

    @property
    def text(self) -> str:
        """The full text."""
        return load_text(self.stored_text)

    @property
    def sections(self) -> tuple[ManuscriptSection, ...]:
        """The headings with their paragraphs."""
        sections = json.loads(load_text(self.stored_sections) or "[]")
        return tuple(ManuscriptSection(*section) for section in sections)

    def stored_by(self, store: StoreText) -> Part:
        """Return the same part, its texts stored elsewhere."""
        text, sections = load_text(self.stored_text), load_text(self.stored_sections)
        return replace(self, stored_text=store(text), stored_sections=store(sections))


def dump_sections(sections: Sequence[ManuscriptSection]) -> str:
    """Return sections as JSON."""
    return json.dumps(
        [(section.heading, section.level, section.paragraphs) for section in sections], ensure_ascii=False
    )


@dataclass(frozen=True)
class ReadyRow:
    """A row that is ready to train: its messages, the assistant's answer last; `place` is its file and line.

    A preference has the answer, too, that the last one is preferred to. `book` is "" if the row names none.
    """

    place: str
    chapter: str
    stored_messages: LazyText  # as JSON
    stored_rejected: LazyText = ""
    book: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The turns of the conversation."""
        return tuple(json.loads(load_text(self.stored_messages)))

    @property
    def is_preference(self) -> bool:
        """Whether the row has two answers."""
        return self.stored_rejected != ""

    def stored_by(self, store: StoreText) -> ReadyRow:
        """Return the same row, its messages stored elsewhere."""
        rejected = store(load_text(self.stored_rejected)) if self.is_preference else ""
        return replace(self, stored_messages=store(load_text(self.stored_messages)), stored_rejected=rejected)


@dataclass(frozen=True)
class Manuscript:
    """The texts of a manuscript in reading order, and its ready rows; each curated part is one passage."""

    parts: list[Part]
    curated: bool
    findings: list[Finding] = field(default_factory=list)
    rows: list[ReadyRow] = field(default_factory=list)

    @property
    def stated_title(self) -> str:
        """The title that its only file states; empty if it has several files, or that file states none."""
        stated = {part.name: part.title for part in self.parts}
        return next(iter(stated.values())) if len(stated) == 1 else ""
