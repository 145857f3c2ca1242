"""Sentences: one splitter for prose, and cheaper cuts for texts that are only counted.

`split_sentences` keeps every character and knows abbreviations, closing quotes and the full-width signs of Chinese and
Japanese. The others are cheaper, and the numbers of reports and checks rest on them as they are:
`split_plain_sentences` for texts whose typography is plain already, `split_roughly` for lower-cased passages,
`split_answer` for what a model answers to an instruction.
"""

from __future__ import annotations

import re

from scriptorium.text.words import ALPHANUMERIC_COMPOUND, ANY_CAPITAL, count_words, plain

ENDING = re.compile(  # the full-width signs need no space after them, and a French » has one before it
    r"(?<![.!?…])[.!?…]+(?:[\"'”’“‘»«›‹)\]」』]|[^\S\n][»›](?=\s))*\s+|[。！？｡]+[」』”’》〉】»）]*\s*"
)
ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:[A-Z]|Mr|Mrs|Ms|Messrs|Mme|Mlle|Dr|St|Sr|Jr|Prof|Rev|Hon|Gen|Col|Capt|Lt|Lieut|Sgt|Maj|Gov|Pres|vs|viz"
    r"|etc|cf|e\.g|i\.e)\.\s+$"
)
SENTENCE_STOPS = ".!?…。！？｡؟۔।॥։።។"  # of every script that has such a sign; Thai has none
CLOSING_SIGNS = r"\"'”’“»«›‹」』）)\]_*"  # in a pattern's brackets: what may stand behind the end of a sentence
OPENING = re.compile(r"[\"'“‘„‚«»‹›¿¡「『(\[\s—–-]*")
MAX_ABBREVIATION = 12  # characters to look back
PLAIN_ENDING = re.compile(rf"(?<=[.!?])(?:[\"'“]| ?»|«)?\s+(?=(?:[\"'„¿¡»]|« ?)?{ANY_CAPITAL})")
ROUGH_ENDING = re.compile(r"(?<![.!?…])[.!?…]+[\"'”’“»«)]*\s+|[。！？｡]+[」』”’）]*|\n+")
ANSWER_ENDING = re.compile(r"[.!?…]+[\"'”’)*_]*(?=\s|$)")
COMPLETE_ENDING = re.compile(r"[.!?][\"'”’]?(?=\s)|[。！？][」』”’]*")


def split_sentences(paragraph: str) -> list[str]:
    """Split a paragraph; each sentence keeps the white space before it, so joining gives the paragraph back."""
    pieces, start = [], 0
    for match in ENDING.finditer(paragraph):
        if _ends_sentence(paragraph, match):
            stop = match.end() - _trailing_space(match.group())
            pieces.append(paragraph[start:stop])
            start = stop
    return [*pieces, paragraph[start:]]


def _ends_sentence(paragraph: str, match: re.Match[str]) -> bool:
    """Return whether something new begins after this full stop: no "he said", and no name after "Mr."."""
    opening = OPENING.match(paragraph, match.end())
    start = opening.end() if opening else match.end()
    if start >= len(paragraph) or paragraph[start].islower():
        return False
    return not ABBREVIATION.search(paragraph[max(0, match.end() - MAX_ABBREVIATION) : match.end()])


def _trailing_space(text: str) -> int:
    """Count the characters of white space that a text ends with."""
    return len(text) - len(text.rstrip())


def split_plain_sentences(text: str) -> list[str]:
    """Split a text, made plain, behind closing signs that a capital follows; pieces without a word are dropped."""
    return [sentence for sentence in PLAIN_ENDING.split(plain(text)) if count_words(sentence)]


def split_roughly(text: str) -> list[str]:
    """Split behind closing signs and at line ends; "Mr." ends a sentence, which does for counting what is alike."""
    return ROUGH_ENDING.split(text)


def split_answer(text: str) -> list[str]:
    """Split behind each closing sign, with or without a capital after it; the last sentence may have none."""
    ends = [match.end() for match in ANSWER_ENDING.finditer(text)]
    pieces = [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)], strict=True)]
    return [piece for piece in pieces if ALPHANUMERIC_COMPOUND.search(piece)]


def drop_incomplete(text: str) -> str:
    """Return the text up to its last whole sentence; all of it if no sentence ends."""
    ends = [match.end() for match in COMPLETE_ENDING.finditer(f"{text} ")]
    return text[: ends[-1]] if ends else text
