"""The instructions that both models are asked: every kind in turn, with another thing and other numbers each time.

They are the same in every run, so that results over time can be compared; the first n of them hold all kinds alike.
"""

from __future__ import annotations

from collections.abc import Callable

from services.evaluator.retention.instructions import casing, forming, framing, language, lengths, wording
from services.evaluator.retention.instructions.instruction import Check, Instruction
from services.evaluator.retention.instructions.topics import TOPICS, Topic

Writer = Callable[[Topic, int], tuple[str, Check]]

KINDS: dict[str, Writer] = {
    "words at most": lengths.words_at_most,
    "words between": lengths.words_between,
    "sentences": lengths.sentences,
    "paragraphs": lengths.paragraphs,
    "lines": lengths.lines,
    "bullets": lengths.bullets,
    "numbered list": lengths.numbered,
    "include words": wording.include,
    "avoid a word": wording.avoid,
    "repeat a word": wording.repeated,
    "no comma": wording.no_comma,
    "no such letter": wording.no_letter,
    "questions": wording.questions,
    "numbers": wording.numerals,
    "lower case": casing.lower_case,
    "capitals": casing.capitals,
    "a word in capitals": casing.capital_words,
    "begin with": framing.begin,
    "end with": framing.end,
    "title": framing.title,
    "postscript": framing.postscript,
    "quotation marks": framing.quoted,
    "repeat the request": framing.repeat,
    "JSON": forming.json_keys,
    "choice": forming.choice,
    "placeholders": forming.placeholders,
    "two answers": forming.two_answers,
    "asterisks": forming.starred,
    "parts": forming.parts,
    "alphabetical order": forming.sort,
    "copy": forming.copy,
    "language": language.foreign,
}
TURNS = 12  # instructions of each kind there are
MOST = TURNS * len(KINDS)


def write_instructions(number: int) -> list[Instruction]:
    """The first `number` instructions, at most MOST."""
    return [_write(place) for place in range(min(number, MOST))]


def _write(place: int) -> Instruction:
    """The kinds and the things have no common divisor, so that a kind meets another thing each time."""
    turn, which = divmod(place, len(KINDS))
    kind, writer = list(KINDS.items())[which]
    request, check = writer(TOPICS[place % len(TOPICS)], turn)
    return Instruction(kind, request, check)
