"""What scans and broken exports make of words."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median

from scriptorium.contracts import Finding
from services.data.checks.codes import finding
from services.data.checks.tokenized_passage import Reading, quote

COUNTED = re.compile(r"^\d+(?:st|nd|rd|th|s|d|am|pm|mm|cm|km|kg|m|lb|lbs|x|a|b|c)$")  # 21st, 1890s
SIGNED = re.compile(r"(?<![A-Za-z])[A-Za-z]+[\^|~\\{}<>=%$#*+][A-Za-z]\w*")  # th^e
SIGNS = "^|~\\{}<>=%$#*+"
FEWEST_MIXED, MIXED_SHARE = 3, 0.004  # of the words
SPACED = re.compile(r"(?<![\w'’.])(?:\w ){4,}\w(?![\w'’])")
SHORT_WORDS = frozenset("aiostdmlcnjyeouвияскоà0123456789")  # and what an apostrophe leaves: the s of "it's"
FEWEST_ALONE = 2
LONGEST_WORD = 32  # letters; German novels have words of thirty
CLOSED = re.compile(r"[.!?;,](?<=[a-z].)[A-Za-z][a-z]")  # "end.The"
FEWEST_CLOSED = 5
HYPHEN = re.compile(r"\b([a-z]{2,})- ([a-z]{2,})\b")
SUSPENDED = frozenset(["and", "or", "to", "und", "oder", "et", "ou", "the", "but", "in", "as"])  # "pre- and post-war"
FEWEST_HYPHENS = 2
FEWEST_PASSAGES = 10  # or "other passages do not know it" means little
FEWEST_WORDS = 100
STRANGE = 0.12  # share of words, above the median passage


def find_scan(reading: Reading) -> Iterator[Finding]:
    """Findings about the words of one passage."""
    text = reading.text
    mixed = find_mixed(reading)
    if len(mixed) >= max(FEWEST_MIXED, MIXED_SHARE * len(reading.words)):
        yield reading.finding("ocr_garbage", f"{len(mixed)} word(s) such as {', '.join(map(quote, mixed[:3]))}")
    alone = sum(count for word, count in reading.counts.items() if len(word) == 1 and word not in SHORT_WORDS)
    if alone >= FEWEST_ALONE and (match := SPACED.search(text)):
        yield reading.finding("spaced_letters", f"letters stand alone: {quote(match.group())}")
    longest = max(reading.counts, key=len, default="")
    if len(longest) > LONGEST_WORD and longest.upper() != longest:  # else a script without spaces
        yield reading.finding("joined_words", f"a word of {len(longest)} letters: {quote(longest)}")
    elif len(closed := CLOSED.findall(text)) >= FEWEST_CLOSED:
        yield reading.finding("joined_words", f"{len(closed)} time(s) no space after a sign: {quote(closed[0])}")
    cut = [match.group() for match in HYPHEN.finditer(text) if match[2] not in SUSPENDED] if "- " in text else []
    if len(cut) >= FEWEST_HYPHENS:
        yield reading.finding("hyphen_left", f"{len(cut)} word(s) cut by a hyphen, first {quote(cut[0])}")


def find_mixed(reading: Reading) -> list[str]:
    """Words that are partly digits, and words with a sign inside them."""
    odd = [word for word in reading.counts if not word.isalpha()]
    mixed = [word for word in odd if not word.isdigit() and "_" not in word and not COUNTED.match(word)]
    signed = SIGNED.findall(reading.text) if any(sign in reading.text for sign in SIGNS) else []
    return mixed + signed


class Vocabulary:
    """Every word with the passage that alone has it, so that no passage has to be kept."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()  # of each passage, by place
        self._owners: dict[str, tuple[str, int] | None] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, reading: Reading) -> None:
        """Take a passage in."""
        place, owners = reading.passage.place, self._owners
        self.words[place] = len(reading.words)
        for word, number in reading.counts.items():
            owners[word] = None if word in owners else (place, number)

    def find_strange(self) -> Iterator[Finding]:
        """Passages with far more words of their own than the median passage."""
        own: dict[str, list[str]] = defaultdict(list)
        held: Counter[str] = Counter()
        for word, owner in self._owners.items():
            if owner:
                own[owner[0]].append(word)
                held[owner[0]] += owner[1]
        shares = {place: held[place] / words for place, words in self.words.items() if words >= FEWEST_WORDS}
        usual = median(shares.values()) if len(shares) >= FEWEST_PASSAGES else 1
        for place, share in shares.items():
            if share > usual + STRANGE:
                seen = ", ".join(own[place][:5])
                yield finding("strange_words", place, f"{share:.0%} of its words are in no other passage: {seen}")
