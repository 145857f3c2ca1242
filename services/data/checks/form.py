"""How a passage looks: where it begins and ends, capitals, punctuation, lines and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.checks.tokenized_passage import Reading, quote

CLOSING = "\"'”’»)]*_ \n"
CUT_START = re.compile(r"[\"'“‘(]?([,;:)]|\w)")
FEWEST_WORDS = 60  # of a passage; less says little of its habits
SHOUTED = 40  # words of a paragraph; a sign, a headline or a telegram is shorter
CAPITALS = 0.01  # per word; prose has a capital for every ten words
SIGNS = ".,;:!?…。、،؟।"
PUNCTUATION = 0.03  # signs per word; prose has one for every eight words
SHORT = 90  # characters of a line
ENDED = re.compile(r"[.!?…:—-][\"'”’»)\]*_]*$")
VERSE = 0.5  # of the lines; speeches are short, too, but end as sentences do
FEWEST_LINES = 8
COLUMNS = re.compile(r"\t| \| |\s\W?\d[\d.,]*\W?$")
FEWEST_ROWS = 4
NUMBERS = 0.06  # of the words


def find_shape(reading: Reading) -> Iterator[Finding]:
    """Findings about one passage's look."""
    text = reading.text
    if not reading.words:
        yield reading.finding("answer_empty", "has no words to train on")
        return
    end = text.rstrip(CLOSING)
    if end[-1:].isalnum() or end.endswith((",", ";")):
        yield reading.finding("cut_end", f"stops inside a sentence: {quote(end, len(end) - 40)}")
    start = CUT_START.match(text.lstrip())
    if start and (start[1].islower() or not start[1].isalnum()):
        yield reading.finding("cut_start", f"begins inside a sentence: {quote(text.lstrip())}")
    yield from find_habits(reading)
    yield from find_lines(reading)


def find_habits(reading: Reading) -> Iterator[Finding]:
    """Findings about capitals, punctuation and numbers."""
    text, words = reading.text, len(reading.words)
    shouted = [line for line in reading.lines if line.isupper() and len(line.split()) >= SHOUTED]
    if shouted:
        yield reading.finding("all_capitals", f"{len(shouted)} paragraph(s) in capitals: {quote(shouted[0])}")
    if words < FEWEST_WORDS:
        return
    if has_no_capitals(reading):
        yield reading.finding("no_capitals", f"hardly a capital in {words:,} words")
    signs = sum(text.count(sign) for sign in SIGNS)
    if signs < PUNCTUATION * words:
        yield reading.finding("no_punctuation", f"{signs} full stops, commas and the like in {words:,} words")
    numbers = sum(count for word, count in reading.counts.items() if word.isdigit())
    if numbers > NUMBERS * words:
        yield reading.finding("many_numbers", f"{numbers / words:.0%} of its words are numbers")


def has_no_capitals(reading: Reading) -> bool:
    """Whether a text in a script that has capitals uses next to none."""
    sample = reading.text[:2000]
    capitals = sum(map(str.isupper, sample))
    return capitals < CAPITALS * len(sample.split()) and sample.upper() != sample


def find_lines(reading: Reading) -> Iterator[Finding]:
    """Findings about lines that are no paragraphs: rows of a table, verse, lines that were never joined."""
    short = [line for line in reading.lines if len(line) <= SHORT]
    rows = [line for line in short if COLUMNS.search(line)]
    unended = [line for line in short if not ENDED.search(line)]
    if len(rows) >= FEWEST_ROWS:
        yield reading.finding("table_layout", f"{len(rows)} line(s) look like a table's: {quote(rows[0])}")
    elif len(unended) >= max(FEWEST_LINES, VERSE * len(reading.lines)):
        yield reading.finding("verse_layout", f"{len(unended)} short lines are no sentences: {quote(unended[0])}")
