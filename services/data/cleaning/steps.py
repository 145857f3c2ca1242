"""The steps of cleaning: what each means, how often it changed something, its first few changes, and what it left out.

Nothing is lost in silence: the letters of a text are those of its chapters and those that the steps left out. A step
says of each text that it leaves out if it could be story; this is counted apart, and is kept if the user wants it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from enum import StrEnum
from functools import partial

from scriptorium.contracts import Change, CleaningStep
from scriptorium.text.word_spans import count_running_words

MAX_EXAMPLES = 5  # of the changes of a step
MAX_EXAMPLE_CHARACTERS = 400  # of a change's text
LETTERS = re.compile(r"[^\W_]+")  # and digits; they stay the same when lines and words are joined


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
    """A record of the texts and their changes: for every step a count and its first examples; with `examples` None all.

    `source` names the current file, and is part of a change's place; `unit` is what is counted in it if not lines. The
    steps in `skipped` are not made, and with `keep_doubtful` nothing is left out that could be story.
    """

    def __init__(
        self,
        examples: int | None = MAX_EXAMPLES,
        source: str = "",
        *,
        skipped: Collection[str] = (),
        keep_doubtful: bool = False,
    ) -> None:
        self.source = source
        self.unit = ""
        self.words_in = 0
        self.letters_missing = 0  # of the texts: in no chapter, and left out by no step; below 0 if some came twice
        self._examples = examples
        self._skipped = frozenset(skipped)
        self._keep_doubtful = keep_doubtful
        self._counts: Counter[StepName] = Counter()
        self._words: Counter[StepName] = Counter()
        self._doubtful_words: Counter[StepName] = Counter()
        self._changes: dict[StepName, list[Change]] = {step: [] for step in StepName}
        self._doubtful: dict[StepName, list[Change]] = {step: [] for step in StepName}

    def skips(self, step: StepName) -> bool:
        """Return whether a step is not to be made."""
        return step in self._skipped

    def note(self, step: StepName, line: int, before: str, after: str = "", count: int = 1) -> None:
        """Count a change that leaves no word out, and keep it as an example while there are few."""
        self._counts[step] += count
        self._keep_example(self._changes[step], line, before, after)

    def change(self, step: StepName, line: int, before: str, after: str = "", *, doubtful: bool = False) -> bool:
        """Record a change and return True; return False if it is not to be made.

        `doubtful` says that what is left out could be story.
        """
        if step in self._skipped or (doubtful and self._keep_doubtful):
            return False
        words = count_running_words(before) - count_running_words(after)
        self.note(step, line, before, after)
        self._words[step] += words
        self.letters_missing -= count_letters(before) - count_letters(after)
        if doubtful:
            self._doubtful_words[step] += words
            self._keep_example(self._doubtful[step], line, before, after)
        return True

    def weigh(self, text: str, paragraphs: Iterable[str]) -> None:
        """Compare the letters of a text with those of its cleaned paragraphs, whose changes have been recorded."""
        self.words_in += count_running_words(text)
        self.letters_missing += count_letters(text) - sum(map(count_letters, paragraphs))

    def _keep_example(self, changes: list[Change], line: int, before: str, after: str) -> None:
        """Keep a change, abridged, while there are few; all of it if there is no limit."""
        place = name_place(self.source, self.unit, line)
        if self._examples is None:
            changes.append(Change(place=place, before=before, after=after))
        elif len(changes) < self._examples:
            changes.append(Change(place=place, before=shorten(before), after=shorten(after)))

    def steps(self) -> list[CleaningStep]:
        """Return every step that changed something."""
        return [
            CleaningStep(
                name=step,
                meaning=MEANINGS[step],
                count=self._counts[step],
                words=self._words[step],
                examples=self._changes[step],
                doubtful_words=self._doubtful_words[step],
                doubtful=self._doubtful[step],
            )
            for step in StepName
            if self._counts[step]
        ]

    def place_namer(self) -> Callable[[int], str]:
        """Return a function that names the place of a line in the current file."""
        return partial(name_place, self.source, self.unit)


def count_letters(text: str) -> int:
    """Return the number of letters and digits."""
    return len("".join(LETTERS.findall(text)))


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
