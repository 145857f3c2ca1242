"""The first words of a chapter, which printers set in capitals, respelled as they are elsewhere in the book."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from scriptorium.text.words import COMPOUND_WORD
from services.data.cleaning.steps import CleaningLog, StepName
from services.data.cleaning.vocabulary import BookVocabulary

USUAL_SHARE = 0.5  # of the chapters open with capitals, if that is the book's habit
RARE_SHARE = 0.1  # of the occurrences of a word are in capitals, if that is rare
SHOWN_CHARACTERS = 40  # after the change, for display

GAP = re.compile(r"[\s,;:\"“”‘’'—–-]+")
LEAD = re.compile(r"[\s\"“‘«'—–-]*")


def lower_openings(
    first_paragraphs: Sequence[tuple[str, int]], vocabulary: BookVocabulary, log: CleaningLog
) -> list[str]:
    """Return the first paragraphs of chapters, given with their line numbers, in ordinary letters.

    A lone word in capitals may be an abbreviation: it stays if few chapters open with capitals, or if the book has it
    in capitals elsewhere, too.
    """
    runs = [find_capitals(paragraph) for paragraph, _ in first_paragraphs]
    opening_words = Counter(run[0].group() for run in runs if run)
    usual = sum(map(bool, runs)) >= USUAL_SHARE * len(runs)
    paragraphs = []
    for (paragraph, line), run in zip(first_paragraphs, runs, strict=True):
        abbreviation = len(run) == 1 and not (usual and is_rare_in_capitals(run[0].group(), vocabulary, opening_words))
        paragraphs.append(paragraph if abbreviation else lower_opening(paragraph, run, line, vocabulary, log))
    return paragraphs


def is_rare_in_capitals(word: str, vocabulary: BookVocabulary, opening_words: Counter[str]) -> bool:
    """Return whether a book hardly ever has a word in capitals except at openings."""
    ordinary = vocabulary.forms[word.lower()] + vocabulary.forms[capitalise(word)]
    return vocabulary.forms[word] - opening_words[word] <= RARE_SHARE * ordinary


def lower_opening(
    paragraph: str, run: Sequence[re.Match[str]], line: int, vocabulary: BookVocabulary, log: CleaningLog
) -> str:
    """Respell a run of capitals at the beginning of a paragraph, as far as the book knows the words."""
    pieces, end = [], 0
    for number, word in enumerate(run):
        pieces += [paragraph[end : word.start()], respell(word.group(), vocabulary, first=not number)]
        end = word.end()
    before, after = paragraph[:end], "".join(pieces)
    tail = paragraph[end : end + SHOWN_CHARACTERS]
    if after == before or not log.change(StepName.CAPITALS, line, before + tail, after + tail):
        return paragraph
    return after + paragraph[end:]


def find_capitals(paragraph: str) -> list[re.Match[str]]:
    """Find the words in capitals at the start of a paragraph; none if all of it is in capitals, or only "I" or "A"."""
    lead = LEAD.match(paragraph)
    position = lead.end() if lead else 0
    words: list[re.Match[str]] = []
    while (word := COMPOUND_WORD.match(paragraph, position)) and word.group().isupper():
        words.append(word)
        gap = GAP.match(paragraph, word.end())
        if gap is None:
            break
        position = gap.end()
    return words if any(len(word.group()) > 1 for word in words) and not paragraph.isupper() else []


def respell(word: str, vocabulary: BookVocabulary, *, first: bool) -> str:
    """Return a word in capitals as the book spells it elsewhere; unchanged if it does not."""
    stem, mark, ending = word.partition("’" if "’" in word else "'")
    lowercase, capital = vocabulary.forms[stem.lower()], vocabulary.forms[capitalise(stem)]
    if word == "I" or not (lowercase or capital):
        return word
    return (capitalise(stem) if first or capital > lowercase or stem == "I" else stem.lower()) + mark + ending.lower()


def capitalise(word: str) -> str:
    """Return a word with a capital at its beginning and after hyphens, as in names."""
    return "-".join(part.capitalize() for part in word.split("-"))
