"""The first words of a chapter, which printers set in capitals, as a writer has them elsewhere in the book."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from services.data.cleaning.steps import Cleaning, Step
from services.data.cleaning.vocabulary import Vocabulary

USUAL = 0.5  # of the chapters open with capitals
RARE = 0.1  # of the places where a book has a word
SHOWN = 40  # characters that follow, to look at

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
GAP = re.compile(r"[\s,;:\"“”‘’'—–-]+")
LEAD = re.compile(r"[\s\"“‘«'—–-]*")


def lower_openings(openings: Sequence[tuple[str, int]], vocabulary: Vocabulary, cleaning: Cleaning) -> list[str]:
    """The first paragraphs of chapters, given with their line numbers, in ordinary letters.

    A lone word in capitals may be an abbreviation: it stays where few chapters open with capitals, or the book has it
    in capitals elsewhere, too.
    """
    runs = [find_capitals(paragraph) for paragraph, _ in openings]
    opened = Counter(run[0].group() for run in runs if run)
    usual = sum(map(bool, runs)) >= USUAL * len(runs)
    lowered = []
    for (paragraph, line), run in zip(openings, runs, strict=True):
        alone = len(run) == 1 and not (usual and rare_capitals(run[0].group(), vocabulary, opened))
        lowered.append(paragraph if alone else lower_opening(paragraph, run, line, vocabulary, cleaning))
    return lowered


def rare_capitals(word: str, vocabulary: Vocabulary, opened: Counter[str]) -> bool:
    """Whether a book hardly ever has a word in capitals but at openings."""
    ordinarily = vocabulary.forms[word.lower()] + vocabulary.forms[capitalised(word)]
    return vocabulary.forms[word] - opened[word] <= RARE * ordinarily


def lower_opening(
    paragraph: str, run: Sequence[re.Match[str]], line: int, vocabulary: Vocabulary, cleaning: Cleaning
) -> str:
    """A paragraph with a run of capitals at its beginning in ordinary letters, as far as the book knows the words."""
    pieces, at = [], 0
    for number, word in enumerate(run):
        pieces += [paragraph[at : word.start()], ordinary(word.group(), vocabulary, first=not number)]
        at = word.end()
    before, after = paragraph[:at], "".join(pieces)
    if after == before:
        return paragraph
    tail = paragraph[at : at + SHOWN]
    cleaning.note(Step.CAPITALS, line, before + tail, after + tail)
    return after + paragraph[at:]


def find_capitals(paragraph: str) -> list[re.Match[str]]:
    """The words in capitals that a paragraph begins with; none where all of it is in capitals, or only "I" or "A"."""
    lead = LEAD.match(paragraph)
    at = lead.end() if lead else 0
    words: list[re.Match[str]] = []
    while (word := WORD.match(paragraph, at)) and word.group().isupper():
        words.append(word)
        gap = GAP.match(paragraph, word.end())
        if gap is None:
            break
        at = gap.end()
    return words if any(len(word.group()) > 1 for word in words) and not paragraph.isupper() else []


def ordinary(word: str, vocabulary: Vocabulary, *, first: bool) -> str:
    """A word in capitals as the book writes it elsewhere; unchanged where it does not."""
    stem, mark, ending = word.partition("’" if "’" in word else "'")
    small, capital = vocabulary.forms[stem.lower()], vocabulary.forms[capitalised(stem)]
    if word == "I" or not (small or capital):
        return word
    return (capitalised(stem) if first or capital > small or stem == "I" else stem.lower()) + mark + ending.lower()


def capitalised(word: str) -> str:
    """A word with a capital at its beginning and after hyphens, as names have it."""
    return "-".join(part.capitalize() for part in word.split("-"))
