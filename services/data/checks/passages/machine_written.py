"""Signs of machine-written text: phrases of chat assistants, and sameness where a person varies."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from scriptorium.contracts import Finding
from services.data.checks.codes import make_finding
from services.data.checks.passages.tokenized_passage import TokenizedPassage, quote
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
PHRASE_PATTERN = re.compile("|".join(rf"(?<!\w){re.escape(phrase)}(?!\w)" for phrase in PHRASES))
CHAT_TURN = re.compile(r"^(?:user|assistant|human|system|chatgpt|prompt|response):\s?\S", re.MULTILINE)
TURN_PREFIXES = ("user:", "assistant:", "human:", "system:", "chatgpt:", "prompt:", "response:")

OPENING_WORDS, MAX_OPENING_LENGTH = 5, 100  # of a passage; the latter in characters
MIN_SAME_OPENINGS, MIN_OPENINGS_SHARE = 4, 0.03
START_WORDS = 3  # of a sentence
MIN_SAME_STARTS, MIN_STARTS_SHARE = 6, 0.25
MIN_PASSAGES = 20
LENGTH_TOLERANCE, MIN_LENGTHS_SHARE = 0.02, 0.8  # around the median length; of the passages


def find_machine_writing(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about phrases of chat assistants, and about sentences that begin alike."""
    text = passage.lower.replace("’", "'")
    if any(phrase in text for phrase in PHRASES) and (match := PHRASE_PATTERN.search(text)):
        yield passage.make_finding("assistant_phrase", f"{quote(text, match.start() - 10)}")
    elif any(turn in text for turn in TURN_PREFIXES) and (match := CHAT_TURN.search(text)):
        yield passage.make_finding("assistant_phrase", f"a turn of a chat: {quote(text, match.start())}")
    starts = Counter(tuple(sentence.split(None, START_WORDS)[:START_WORDS]) for sentence in passage.sentences)
    for start, count in starts.most_common(1):
        if len(start) == START_WORDS and count >= max(MIN_SAME_STARTS, MIN_STARTS_SHARE * len(passage.sentences)):
            total = len(passage.sentences)
            yield passage.make_finding(
                "same_sentences", f"{count} of {total} sentences begin with {quote(' '.join(start))}"
            )


def find_same_openings(passages: Sequence[Passage]) -> Iterator[Finding]:
    """Yield a finding for each opening that many passages have, at the first of them."""
    passages_by_opening: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for passage in passages:
        opening = tuple(passage.text[:MAX_OPENING_LENGTH].lower().split(None, OPENING_WORDS)[:OPENING_WORDS])
        passages_by_opening[opening].append(passage.place)
    min_count = max(MIN_SAME_OPENINGS, MIN_OPENINGS_SHARE * len(passages))
    for opening, same in passages_by_opening.items():
        if len(opening) == OPENING_WORDS and len(same) >= min_count:
            message = f"{len(same)} passages begin with {' '.join(opening)!r}; another is {same[1]}"
            yield make_finding("same_opening", same[0], message)


def find_same_lengths(passages: Sequence[Passage], place: str) -> Iterator[Finding]:
    """Yield a finding if nearly all passages have the same length."""
    if len(passages) < MIN_PASSAGES:
        return
    lengths = [passage.words for passage in passages]
    usual = median(lengths)
    same = sum(abs(length - usual) <= LENGTH_TOLERANCE * usual for length in lengths)
    if same >= MIN_LENGTHS_SHARE * len(lengths):
        yield make_finding("same_lengths", place, f"{same} of {len(lengths)} passages have about {usual:.0f} words")
