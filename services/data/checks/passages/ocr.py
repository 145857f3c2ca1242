"""Words damaged by scans (OCR) and broken exports."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median

from scriptorium.contracts import Finding
from scriptorium.text.languages.language import read_language
from scriptorium.text.words import SMALL_LETTERS
from services.data.checks.codes import make_finding
from services.data.checks.passages.tokenized_passage import TokenizedPassage, quote

NUMBER_WITH_UNIT = re.compile(r"^\d+(?:st|nd|rd|th|s|d|am|pm|mm|cm|km|kg|m|lb|lbs|x|a|b|c)$")  # 21st, 1890s
EAST_ASIAN = re.compile(f"[{''.join(read_language(code).script for code in ('zh', 'ja', 'ko'))}]")
WORD_WITH_SIGN = re.compile(r"(?<![A-Za-z])[A-Za-z]+[\^|~\\{}<>=%$#*+][A-Za-z]\w*")  # th^e
SIGNS_IN_WORDS = "^|~\\{}<>=%$#*+"
MIN_MIXED_WORDS, MIN_MIXED_SHARE = 3, 0.004  # of the words
SPACED_LETTERS = re.compile(r"(?<![\w'’.])(?:\w ){4,}\w(?![\w'’])")
ONE_LETTER_WORDS = frozenset("aiostdmlcnjyeouвияскоà0123456789")  # and the ends of contractions: the s of "it's"
MIN_LONE_LETTERS = 2
MAX_WORD_LENGTH = 32  # German novels have words of thirty letters
MISSING_SPACE = re.compile(rf"[.!?;,](?<=[{SMALL_LETTERS}].)[^\W\d_][{SMALL_LETTERS}]")  # "end.The"
MIN_MISSING_SPACES = 5
CUT_WORD = re.compile(rf"\b([{SMALL_LETTERS}]{{2,}})- ([{SMALL_LETTERS}]{{2,}})\b")
WORDS_AFTER_HYPHEN = frozenset(
    ["and", "or", "to", "und", "oder", "et", "ou", "the", "but", "in", "as"]
)  # "pre- and post-war"
MIN_CUT_WORDS = 2
MIN_CUT_WORDS_BESIDE_DASHES = 5  # in a language whose speech has dashes: "de piedra- he dicho" is typed with a hyphen
MIN_PASSAGES = 10  # with fewer, "in no other passage" means little
MIN_WORDS = 100
LETTERS = 3  # in a row
MIN_ODD_LETTERS = 2  # of a word's rows of letters; one is new in many a good word
MIN_STRANGE_SHARE = 0.06  # of the words, above twice the median passage's share, which is larger in a short book:
# clean ones stay 0.036 above it, letters in disorder are 0.09 above it at least (docs/experiments.md)


def find_scan_faults(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield findings about damaged words in a passage."""
    text = passage.text
    mixed = find_mixed_words(passage)
    if len(mixed) >= max(MIN_MIXED_WORDS, MIN_MIXED_SHARE * len(passage.words)):
        yield passage.make_finding("ocr_garbage", f"{len(mixed)} word(s) such as {', '.join(map(quote, mixed[:3]))}")
    lone_letters = sum(
        count for word, count in passage.counts.items() if len(word) == 1 and word not in ONE_LETTER_WORDS
    )
    if lone_letters >= MIN_LONE_LETTERS and (match := SPACED_LETTERS.search(text)):
        yield passage.make_finding("spaced_letters", f"letters stand alone: {quote(match.group())}")
    longest = max(passage.counts, key=len, default="")
    if len(longest) > MAX_WORD_LENGTH and longest.upper() != longest:  # else a script without spaces
        yield passage.make_finding("joined_words", f"a word of {len(longest)} letters: {quote(longest)}")
    elif len(joints := MISSING_SPACE.findall(text)) >= MIN_MISSING_SPACES:
        message = f"{len(joints)} time(s) no space after a punctuation mark: {quote(joints[0])}"
        yield passage.make_finding("joined_words", message)
    matches = CUT_WORD.finditer(text) if "- " in text else []
    joining = WORDS_AFTER_HYPHEN | passage.language.conjunctions
    cut_words = [match.group() for match in matches if match[2] not in joining]
    if len(cut_words) >= (MIN_CUT_WORDS_BESIDE_DASHES if passage.language.dialogue_dash else MIN_CUT_WORDS):
        yield passage.make_finding(
            "hyphen_left", f"{len(cut_words)} word(s) cut by a hyphen, first {quote(cut_words[0])}"
        )


def find_mixed_words(passage: TokenizedPassage) -> list[str]:
    """Find words that are partly digits, and words with a sign in them.

    A scan takes digits for Latin letters; "三〇" and "3월" are numbers as these scripts write them.
    """
    odd = [word for word in passage.counts if not word.isalpha() and not EAST_ASIAN.search(word)]
    mixed = [word for word in odd if not word.isdigit() and "_" not in word and not NUMBER_WITH_UNIT.match(word)]
    signed = WORD_WITH_SIGN.findall(passage.text) if any(sign in passage.text for sign in SIGNS_IN_WORDS) else []
    return mixed + signed


class WordOwners:
    """Every word of a manuscript, with its passage's place if only one passage has it; no passage is kept in memory."""

    def __init__(self) -> None:
        self.words: Counter[str] = Counter()  # of each passage, by place
        self._owners: dict[str, tuple[str, int] | None] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def add(self, passage: TokenizedPassage) -> None:
        """Add the words of a passage."""
        place, owners = passage.source.place, self._owners
        self.words[place] = len(passage.words)
        for word, number in passage.counts.items():
            owners[word] = None if word in owners else (place, number)

    def find_strange_passages(self) -> Iterator[Finding]:
        """Yield a finding for each passage with far more strange words than the median passage.

        A word is strange if no other passage has it and its letters stand in an order that no other passage has.
        """
        strange_words: dict[str, list[str]] = defaultdict(list)
        strange_counts: Counter[str] = Counter()
        for word, place, number in self._find_strange_words():
            strange_words[place].append(word)
            strange_counts[place] += number
        shares = {place: strange_counts[place] / words for place, words in self.words.items() if words >= MIN_WORDS}
        usual_share = median(shares.values()) if len(shares) >= MIN_PASSAGES else 1
        for place, share in shares.items():
            if share > 2 * usual_share + MIN_STRANGE_SHARE:
                examples = ", ".join(strange_words[place][:5])
                message = f"{share:.0%} of its words have letters in an order that no other passage has: {examples}"
                yield make_finding("strange_words", place, message)

    def _find_strange_words(self) -> Iterator[tuple[str, str, int]]:
        """Yield each strange word with its passage's place and its number there."""
        letters: dict[str, str | None] = {}
        for word, owner in self._owners.items():
            place = owner[0] if owner else None
            for row in rows_of_letters(word):
                if letters.setdefault(row, place) != place:
                    letters[row] = None
        for word, owner in self._owners.items():
            if owner and sum(letters[row] is not None for row in rows_of_letters(word)) >= MIN_ODD_LETTERS:
                yield word, *owner


def rows_of_letters(word: str) -> list[str]:
    """Return every row of LETTERS letters in a word, whose ends count as letters.

    A short word has none, and neither has a word in signs: their order says little, as every word has its own.
    """
    if len(word) <= LETTERS or EAST_ASIAN.search(word):
        return []
    padded = f" {word} "
    return [padded[at : at + LETTERS] for at in range(len(padded) - LETTERS + 1)]
