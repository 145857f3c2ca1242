"""The instructions for both models: every kind in turn, with another topic and other numbers each time.

They are the same in every run, so that results can be compared over time. The first n of them cover all kinds equally.
The dev instructions are of the same kinds about other topics: a checkpoint or a strength may be chosen by them, and the
others judge it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from scriptorium.instructions import casing, forming, framing, language, lengths, wording
from scriptorium.instructions.dev_topics import DEV_TOPICS
from scriptorium.instructions.instruction import Check, Instruction
from scriptorium.instructions.topics import TOPICS, Topic

InstructionWriter = Callable[[Topic, int], tuple[str, Check]]

KINDS: dict[str, InstructionWriter] = {
    "words at most": lengths.words_at_most,
    "words between": lengths.words_between,
    "sentences": lengths.sentences,
    "paragraphs": lengths.paragraphs,
    "lines": lengths.lines,
    "bullets": lengths.bullets,
    "numbered list": lengths.numbered_list,
    "include words": wording.include_words,
    "avoid a word": wording.avoid_word,
    "repeat a word": wording.repeat_word,
    "no comma": wording.no_comma,
    "no such letter": wording.no_letter,
    "questions": wording.questions,
    "numbers": wording.numbers,
    "lower case": casing.lower_case,
    "capitals": casing.capitals,
    "a word in capitals": casing.capital_words,
    "begin with": framing.begin_with,
    "end with": framing.end_with,
    "title": framing.title,
    "postscript": framing.postscript,
    "quotation marks": framing.quotation_marks,
    "repeat the request": framing.repeat_request,
    "JSON": forming.json_keys,
    "choice": forming.choice,
    "placeholders": forming.placeholders,
    "two answers": forming.two_answers,
    "asterisks": forming.asterisks,
    "parts": forming.parts,
    "alphabetical order": forming.alphabetical_order,
    "copy": forming.copy,
    "language": language.foreign_language,
}
TURNS_PER_KIND = 12
MAX_INSTRUCTIONS = TURNS_PER_KIND * len(KINDS)


def write_instructions(number: int) -> list[Instruction]:
    """Write the first `number` instructions, at most MAX_INSTRUCTIONS."""
    return [_write(index, TOPICS) for index in range(min(number, MAX_INSTRUCTIONS))]


def write_dev_instructions(number: int) -> list[Instruction]:
    """Write the first `number` dev instructions, at most MAX_INSTRUCTIONS; the gate has none of them."""
    return [_write(index, DEV_TOPICS) for index in range(min(number, MAX_INSTRUCTIONS))]


def _write(index: int, topics: Sequence[Topic]) -> Instruction:
    """Write one instruction; the numbers of kinds and topics are coprime, so a kind gets another topic each time."""
    turn, position = divmod(index, len(KINDS))
    kind, writer = list(KINDS.items())[position]
    request, check = writer(topics[index % len(topics)], turn)
    return Instruction(kind, request, check)
