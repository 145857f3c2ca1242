"""Signs that a text was made in bulk by a machine: its phrases, and sameness where a person varies."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from scriptorium.contracts import Finding
from services.data.checks.codes import finding
from services.data.checks.tokenized_passage import Reading, quote
from services.data.passage import Passage

PHRASES = (
    "as an ai",
    "as a language model",
    "as a large language model",
    "ai language model",
    "i'm an ai",
    "i am an ai",
    "i cannot fulfill",
    "i can't fulfill",
    "i cannot assist",
    "i can't assist",
    "i'm sorry, but i can",
    "i apologize for the confusion",
    "i hope this helps",
    "is there anything else i can",
    "let me know if you",
    "feel free to ask",
    "how can i assist you",
    "knowledge cutoff",
    "my last knowledge update",
    "openai",
    "chatgpt",
    "certainly! here",
    "sure! here",
    "sure, here is",
    "sure, here's",
    "of course! here",
    "here is a rewritten",
    "here's a rewritten",
    "here is the continuation",
    "here's the continuation",
    "here is a passage",
    "here's a passage",
    "here is your",
    "i'd be happy to help",
    "i would be happy to help",
    "regenerate response",
    "in this passage, the author",
    "word count:",
)
WHOLE = re.compile("|".join(rf"(?<!\w){re.escape(phrase)}(?!\w)" for phrase in PHRASES))
TURN = re.compile(r"^(?:user|assistant|human|system|chatgpt|prompt|response):\s?\S", re.MULTILINE)
TURNS = ("user:", "assistant:", "human:", "system:", "chatgpt:", "prompt:", "response:")

OPENING, LONG_OPENING = 5, 100  # words, characters
FEWEST_OPENINGS, SHARE_OF_OPENINGS = 4, 0.03
START = 3  # words of a sentence
FEWEST_STARTS, SHARE_OF_STARTS = 6, 0.25
FEWEST_PASSAGES = 20
SAME_LENGTH, SHARE_OF_LENGTHS = 0.02, 0.8  # of passages within this of the median


def find_phrases(reading: Reading) -> Iterator[Finding]:
    """Findings about one passage: what assistants say, and sentences from one mould."""
    text = reading.lower.replace("’", "'")
    if any(phrase in text for phrase in PHRASES) and (match := WHOLE.search(text)):
        yield reading.finding("assistant_phrase", f"{quote(text, match.start() - 10)}")
    elif any(turn in text for turn in TURNS) and (match := TURN.search(text)):
        yield reading.finding("assistant_phrase", f"a turn of a chat: {quote(text, match.start())}")
    starts = Counter(tuple(sentence.split(None, START)[:START]) for sentence in reading.sentences)
    for start, count in starts.most_common(1):
        if len(start) == START and count >= max(FEWEST_STARTS, SHARE_OF_STARTS * len(reading.sentences)):
            total = len(reading.sentences)
            yield reading.finding("same_sentences", f"{count} of {total} sentences begin with {quote(' '.join(start))}")


def find_openings(passages: Sequence[Passage]) -> Iterator[Finding]:
    """A finding for each opening that many passages have, at the first of them."""
    openings: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for passage in passages:
        openings[tuple(passage.text[:LONG_OPENING].lower().split(None, OPENING)[:OPENING])].append(passage.place)
    for words, places in openings.items():
        if len(words) == OPENING and len(places) >= max(FEWEST_OPENINGS, SHARE_OF_OPENINGS * len(passages)):
            message = f"{len(places)} passages begin with {' '.join(words)!r}; another is {places[1]}"
            yield finding("same_opening", places[0], message)


def find_lengths(passages: Sequence[Passage], place: str) -> Iterator[Finding]:
    """A finding where nearly all passages are of one length."""
    if len(passages) < FEWEST_PASSAGES:
        return
    lengths = [passage.words for passage in passages]
    usual = median(lengths)
    same = sum(abs(length - usual) <= SAME_LENGTH * usual for length in lengths)
    if same >= SHARE_OF_LENGTHS * len(lengths):
        yield finding("same_lengths", place, f"{same} of {len(lengths)} passages have about {usual:.0f} words")
