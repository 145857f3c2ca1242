"""The form of a passage: its beginning and end, capitals, punctuation, lines and numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from scriptorium.text.sentences import CLOSING_SIGNS, SENTENCE_STOPS
from services.data.checks.passages.tokenized_passage import TokenizedPassage, quote
from services.data.passage_kind import is_verse

CLOSING = "\"'”’“»«」』）)]*_ \n"
CUT_START = re.compile(r"[\"'“‘(]?([,;:)]|\w)")
MIN_WORDS = 60  # of a passage; fewer say little about its habits
MIN_SHOUTED_WORDS = 40  # words of a paragraph; a sign, a headline or a telegram is shorter
MIN_CAPITALS_SHARE = 0.01  # per word; prose has a capital for every ten words
SIGNS = ".,;:!?…。、،؟।，！？；："
MIN_PUNCTUATION_SHARE = 0.03  # signs per word; prose has one for every eight words
MAX_SHORT_LINE = 90  # characters of a line
SPEECH_ENDS = ("」", "』")  # Japanese speech has no full stop before its closing sign
SENTENCE_END = re.compile(rf"(?:[{SENTENCE_STOPS}:：—-][{CLOSING_SIGNS}]*|[{''.join(SPEECH_ENDS)}])$")
VERSE_SHARE = 0.5  # of the lines; lines of dialogue are short, too, but end as sentences do
MIN_VERSE_LINES = 8
COLUMNS = re.compile(r"\t| \| |\s\W?\d[\d.,]*\W?$")
MIN_TABLE_ROWS = 4
MAX_NUMBERS_SHARE = 0.06  # of the words


def find_form_faults(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about the form of a passage."""
    text = passage.text
    if not passage.words:
        yield passage.make_finding("answer_empty", "has no words to train on")
        return
    end = text.rstrip(CLOSING)
    is_speech = text.rstrip().endswith(SPEECH_ENDS)
    if (end[-1:].isalnum() and not is_speech) or end.endswith((",", ";", "，", "、", "；")):
        yield passage.make_finding("cut_end", f"stops inside a sentence: {quote(end, len(end) - 40)}")
    start = CUT_START.match(text.lstrip())
    if start and (start[1].islower() or not start[1].isalnum()):
        yield passage.make_finding("cut_start", f"begins inside a sentence: {quote(text.lstrip())}")
    yield from find_habits(passage)
    yield from find_lines(passage)


def find_habits(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about capitals, punctuation and numbers."""
    text, words = passage.text, len(passage.words)
    shouted = [line for line in passage.lines if line.isupper() and len(line.split()) >= MIN_SHOUTED_WORDS]
    if shouted:
        yield passage.make_finding("all_capitals", f"{len(shouted)} paragraph(s) in capitals: {quote(shouted[0])}")
    if words < MIN_WORDS:
        return
    if has_no_capitals(passage):
        yield passage.make_finding("no_capitals", f"hardly any capitals in {words:,} words")
    signs = sum(text.count(sign) for sign in SIGNS)
    if signs < MIN_PUNCTUATION_SHARE * words:
        yield passage.make_finding("no_punctuation", f"{signs} full stops, commas and the like in {words:,} words")
    numbers = sum(count for word, count in passage.counts.items() if word.isdigit())
    if numbers > MAX_NUMBERS_SHARE * words:
        yield passage.make_finding("many_numbers", f"{numbers / words:.0%} of its words are numbers")


def has_no_capitals(passage: TokenizedPassage) -> bool:
    """Return whether a passage has next to no capitals, although its script has them; a Latin letter may be in any."""
    sample = passage.text[:2000]
    capitals, small = sum(map(str.isupper, sample)), sum(map(str.islower, sample))
    return capitals < MIN_CAPITALS_SHARE * len(sample.split()) and small > len(sample) / 2


def find_lines(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about lines that are not paragraphs: rows of a table, verse, lines that were not joined."""
    short = [line for line in passage.lines if len(line) <= MAX_SHORT_LINE]
    rows = [line for line in short if COLUMNS.search(line)]
    unended = [line for line in short if not SENTENCE_END.search(line)]
    if len(rows) >= MIN_TABLE_ROWS:
        yield passage.make_finding("table_layout", f"{len(rows)} line(s) look like rows of a table: {quote(rows[0])}")
    elif not is_verse(passage.text) and len(unended) >= max(MIN_VERSE_LINES, VERSE_SHARE * len(passage.lines)):
        yield passage.make_finding("verse_layout", f"{len(unended)} short lines are not sentences: {quote(unended[0])}")
