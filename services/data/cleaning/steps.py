"""The steps of cleaning: what each does, how often it did it, and the first few changes of each to look at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import partial

from scriptorium.contracts import Change, CleaningStep

EXAMPLES = 5  # changes of a step that are kept
LONGEST = 400  # characters of a change's text that are kept


class Step(StrEnum):
    """A kind of change, in the order in which a reader meets them."""

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
    Step.ENCODING: "Characters that were read in a wrong encoding, or stand there as codes (`&amp;`), are put right.",
    Step.LICENCE: "The licence around a book is left out.",
    Step.FRONT_MATTER: "Title page, imprint and dedication are left out.",
    Step.CONTENTS: "The table of contents is left out.",
    Step.BACK_MATTER: "What follows the story is left out: “The End”, index, advertisements, notes of a transcriber.",
    Step.HEADINGS: "Headings name the chapters and do not train.",
    Step.SCENE_BREAKS: "Signs between scenes are left out.",
    Step.PAGE_NUMBERS: "Page numbers are left out.",
    Step.RUNNING_HEADS: "Lines that stand at the top or foot of page after page are left out.",
    Step.TORN: "Paragraphs that a page break or a stray blank line had torn are whole again.",
    Step.WRAPPED_LINES: "Lines that end where the page did are joined into paragraphs.",
    Step.HYPHENS: "Words that were cut at the end of a line are whole again; compounds keep their hyphen.",
    Step.NOTES: "Marks of footnotes, pictures and editors are left out.",
    Step.EMPHASIS: "Signs for italics and bold are left out.",
    Step.CAPITALS: "Capitals at the opening of a chapter become ordinary letters.",
}


class Cleaning:
    """What cleaning did: a count for every step and its first changes; `examples` None keeps them all, uncut.

    `source` names the file in hand, and is part of a change's place; `unit` is what is counted in it where that is not
    lines.
    """

    def __init__(self, examples: int | None = EXAMPLES, source: str = "") -> None:
        self.source = source
        self.unit = ""
        self._examples = examples
        self._counts: Counter[Step] = Counter()
        self._changes: dict[Step, list[Change]] = {step: [] for step in Step}

    def note(self, step: Step, line: int, before: str, after: str = "", count: int = 1) -> None:
        """Count a change, and keep it while there are few."""
        self._counts[step] += count
        held = self._changes[step]
        if self._examples is None:
            held.append(Change(place=name_place(self.source, self.unit, line), before=before, after=after))
        elif len(held) < self._examples:
            held.append(
                Change(place=name_place(self.source, self.unit, line), before=shorten(before), after=shorten(after))
            )

    def steps(self) -> list[CleaningStep]:
        """Every step that changed something."""
        return [
            CleaningStep(name=step, meaning=MEANINGS[step], count=self._counts[step], examples=self._changes[step])
            for step in Step
            if self._counts[step]
        ]

    def namer(self) -> Callable[[int], str]:
        """How the place of a line is called in the file in hand."""
        return partial(name_place, self.source, self.unit)


def name_place(source: str, unit: str, line: int) -> str:
    """A line of a file, or whatever is counted in it."""
    if unit or not source:
        return ", ".join(filter(None, [source, f"{unit or 'line'} {line}"]))
    return f"{source}:{line}"


def shorten(text: str) -> str:
    """The beginning and the end of a long text."""
    if len(text) <= LONGEST:
        return text
    words = len(text.split())
    return f"{text[: LONGEST * 2 // 3].rstrip()} […] {text[-LONGEST // 3 :].lstrip()} ({words:,} words)"
