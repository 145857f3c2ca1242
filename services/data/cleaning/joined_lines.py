"""Lines that ended only because the page did, joined into one: dashes, hyphenated words, scripts without spaces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from services.data.cleaning.line_breaks import LINE_STOP, space_between
from services.data.cleaning.steps import CleaningLog, StepName
from services.data.cleaning.vocabulary import LAST_WORD, WORD, BookVocabulary

DASHES = ("--", "—")
CONJUNCTIONS = frozenset(["and", "or", "to", "nor", "und", "oder", "et", "ou"])  # "two- and three-masted"
JOIN_CONTEXT = 80  # characters on both sides of a join


def join_piece(lines: Sequence[str], number: int, vocabulary: BookVocabulary, log: CleaningLog) -> str:
    """Join lines that ended only because the page did."""
    if len(lines) > 1:
        log.note(StepName.WRAPPED_LINES, number, *show_join(lines), count=len(lines) - 1)
    return "".join(continue_lines([" ".join(line.split()) for line in lines], number, vocabulary, log))


def show_join(lines: Sequence[str]) -> tuple[str, str]:
    """Return the first two lines of a paragraph, before and after they are joined, for display."""
    first, second = (line.strip() for line in lines[:2])
    return f"{first}\n{second}", f"{first}{space_between(first, second)}{second}"


def continue_lines(lines: Sequence[str], number: int, vocabulary: BookVocabulary, log: CleaningLog) -> Iterator[str]:
    """Yield each line as it continues into the next."""
    for index, (line, after) in enumerate(pairwise(lines)):
        yield continue_line(line, after, vocabulary, number + index, log)
    yield lines[-1]


def opens_with_dash(line: str) -> bool:
    """Return whether a line begins with a dash without a space after it."""
    text = line.lstrip()
    return text.startswith(DASHES) and not text.lstrip("-—").startswith(" ")


def continue_line(line: str, after: str, vocabulary: BookVocabulary, number: int, log: CleaningLog) -> str:
    """Return a line as it continues into the next: dashes stay closed, and a hyphenated word is joined."""
    if line.endswith(DASHES):
        return line + " " * line.endswith((" --", " —"))
    if opens_with_dash(after) and not LINE_STOP.search(line[-JOIN_CONTEXT:]):
        return line
    if not line.endswith("-") or line[-2:-1].isspace() or not after[:1].isalnum():
        return line + space_between(line, after)
    head, tail = LAST_WORD.search(line[-JOIN_CONTEXT:-1]), WORD.match(after)
    if not head or not tail:
        return line
    if tail.group() in CONJUNCTIONS:
        return line + " "
    sign = vocabulary.hyphen(head.group(), tail.group())
    log.note(StepName.HYPHENS, number, f"{head.group()}-\n{tail.group()}", f"{head.group()}{sign}{tail.group()}")
    return line[:-1] + sign
