"""The steps of cleaning: the meaning of each, how often it changed something, and its first few changes to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import partial

from scriptorium.contracts import Change, CleaningStep

MAX_EXAMPLES = 5  # of the changes of a step
MAX_EXAMPLE_CHARACTERS = 400  # of a change's text


class StepName(StrEnum):
    """The name of a step, in the order in which a reader meets their changes."""

    ENCODING = "encoding"
    LICENCE = "licence"
    FRONT_MATTER = "front_matter"
    CONTENTS = "contents"
    BACK_MATTER = "back_matter"
    HEADINGS = "headings"
    SCENE_BREAKS = "scene_breaks"
    PAGE_NUMBERS = "page_numbers"
    RUNNING_HEADS = "running_heads"
    TORN = "torn_paragraphs"
    WRAPPED_LINES = "wrapped_lines"
    HYPHENS = "hyphens"
    NOTES = "notes"
    EMPHASIS = "emphasis"
    CAPITALS = "capitals"


MEANINGS = {
    StepName.ENCODING: "Characters read in a wrong encoding, or written as codes (`&amp;`), are repaired.",
    StepName.LICENCE: "The licence around a book is left out.",
    StepName.FRONT_MATTER: "Title page, imprint and dedication are left out.",
    StepName.CONTENTS: "The table of contents is left out.",
    StepName.BACK_MATTER: "Back matter is left out: “The End”, index, advertisements, notes of a transcriber.",
    StepName.HEADINGS: "Headings name the chapters and do not train.",
    StepName.SCENE_BREAKS: "Signs between scenes are left out.",
    StepName.PAGE_NUMBERS: "Page numbers are left out.",
    StepName.RUNNING_HEADS: "Lines at the top or foot of page after page are left out.",
    StepName.TORN: "Paragraphs that a page break or a stray blank line split are joined.",
    StepName.WRAPPED_LINES: "Lines that end only because the page did are joined into paragraphs.",
    StepName.HYPHENS: "Words that were cut at the end of a line are joined; compounds keep their hyphen.",
    StepName.NOTES: "Marks of footnotes, pictures and editors are left out.",
    StepName.EMPHASIS: "Signs for italics and bold are left out.",
    StepName.CAPITALS: "Capitals at the opening of a chapter become ordinary letters.",
}


class CleaningLog:
    """A record of the changes: a count for every step and its first examples; with `examples` None all, unabridged.

    `source` names the current file, and is part of a change's place; `unit` is what is counted in it if not lines.
    """

    def __init__(self, examples: int | None = MAX_EXAMPLES, source: str = "") -> None:
        self.source = source
        self.unit = ""
        self._examples = examples
        self._counts: Counter[StepName] = Counter()
        self._changes: dict[StepName, list[Change]] = {step: [] for step in StepName}

    def note(self, step: StepName, line: int, before: str, after: str = "", count: int = 1) -> None:
        """Count a change, and keep it as an example while there are few."""
        self._counts[step] += count
        changes = self._changes[step]
        if self._examples is None:
            changes.append(Change(place=name_place(self.source, self.unit, line), before=before, after=after))
        elif len(changes) < self._examples:
            changes.append(
                Change(place=name_place(self.source, self.unit, line), before=shorten(before), after=shorten(after))
            )

    def steps(self) -> list[CleaningStep]:
        """Return every step that changed something."""
        return [
            CleaningStep(name=step, meaning=MEANINGS[step], count=self._counts[step], examples=self._changes[step])
            for step in StepName
            if self._counts[step]
        ]

    def place_namer(self) -> Callable[[int], str]:
        """Return a function that names the place of a line in the current file."""
        return partial(name_place, self.source, self.unit)


def name_place(source: str, unit: str, line: int) -> str:
    """Return the name of a line of a file, or of the unit that is counted in it."""
    if unit or not source:
        return ", ".join(filter(None, [source, f"{unit or 'line'} {line}"]))
    return f"{source}:{line}"


def shorten(text: str) -> str:
    """Return the beginning and the end of a long text."""
    if len(text) <= MAX_EXAMPLE_CHARACTERS:
        return text
    words = len(text.split())
    start, end = text[: MAX_EXAMPLE_CHARACTERS * 2 // 3], text[-MAX_EXAMPLE_CHARACTERS // 3 :]
    return f"{start.rstrip()} […] {end.lstrip()} ({words:,} words)"
