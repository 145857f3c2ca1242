"""Where sentences begin in a paragraph of prose."""

from __future__ import annotations

import re

ENDING = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’»)\]]*\s+|[。！？]+[」』”’）]*\s*")  # the latter need no space after them
ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:[A-Z]|Mr|Mrs|Ms|Messrs|Mme|Mlle|Dr|St|Sr|Jr|Prof|Rev|Hon|Gen|Col|Capt|Lt|Lieut|Sgt|Maj|Gov|Pres|vs|viz"
    r"|etc|cf|e\.g|i\.e)\.\s+$"
)
OPENING = re.compile(r"[\"'“‘«(\[\s—–-]*")
LONGEST_ABBREVIATION = 12  # characters to look back


def split_sentences(paragraph: str) -> list[str]:
    """The sentences of a paragraph, each with the white space before it, so that joining gives the paragraph back."""
    pieces, start = [], 0
    for match in ENDING.finditer(paragraph):
        if ends_sentence(paragraph, match):
            stop = match.end() - trailing_space(match.group())
            pieces.append(paragraph[start:stop])
            start = stop
    return [*pieces, paragraph[start:]]


def ends_sentence(paragraph: str, match: re.Match[str]) -> bool:
    """Whether something new begins after this full stop: no "he said", and no name after "Mr."."""
    opening = OPENING.match(paragraph, match.end())
    start = opening.end() if opening else match.end()
    if start >= len(paragraph) or paragraph[start].islower():
        return False
    return not ABBREVIATION.search(paragraph[max(0, match.end() - LONGEST_ABBREVIATION) : match.end()])


def trailing_space(text: str) -> int:
    """How many characters of white space a text ends with."""
    return len(text) - len(text.rstrip())
