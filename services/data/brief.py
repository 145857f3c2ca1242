"""The brief of a passage: what an author would ask for, extracted and never quoted.

Names, the words that set a passage apart in its book (tf-idf), point of view, share of dialogue and length.
A brief and its passage have no run of six words in common, so that nothing can be learned by copying.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

from scriptorium.dataset import CONTINUE
from scriptorium.recipe import Prompt

RUN = 6  # words in a row
NAMES = 4
TOPICS = 8
COMMON = 0.2  # share of passages above which a word is the book's and not the passage's
SHORTEST_TOPIC = 4  # letters
STEM = 5  # letters by which "cabin" and "cabins" are the same topic
TOLD = 30  # words outside speech that are needed to see who tells
FIRST_PERSON = 0.01  # share of told words; a third-person narrator hardly ever says "I"

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
CAPITALISED = r"\b[A-ZÀ-ÖØ-Þ](?:[’'-]?\w)*[^\W\d_A-Z]"
MIDDLE = re.compile(rf"(?<=[a-z,;] )({CAPITALISED})")
NAME = re.compile(rf"{CAPITALISED}(?: {CAPITALISED})*")
ADDRESSES = frozenset(["Mr", "Mrs", "Ms", "Dr", "St", "Hon", "Rev", "Prof"])  # no names by themselves
PRONOUN = re.compile(r"I['’]")  # "I'll" is capitalised everywhere, too
POSSESSIVE = re.compile(r"['’]s?$")
SPEECH = re.compile(r"\"[^\"\n]*(?:\"|$)|“[^”\n]*(?:”|$)|«[^»\n]*(?:»|$)|(?<!\w)‘[^\n]*?’(?!\w)", re.MULTILINE)
SPEAKER = frozenset(["i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"])
OTHERS = frozenset(["he", "him", "his", "himself", "she", "her", "hers", "herself", "they", "them", "their"])


@dataclass(frozen=True)
class Lexicon:
    """What is known of a book's words: which are names, and in how many passages each of the others is."""

    names: frozenset[str]
    passages: Counter[str]
    count: int


def write_briefs(texts: Sequence[str], prompt: Prompt) -> list[str | None]:
    """A brief for each passage of one book; None where every wording would share a run of words with it."""
    if prompt == "continue":
        return [CONTINUE] * len(texts)
    lexicon = read_lexicon(texts)
    return [next((brief for brief in wordings(text, lexicon) if not shares_run(brief, text)), None) for text in texts]


def wordings(text: str, lexicon: Lexicon) -> Iterator[str]:
    """The brief in full, then with less in it."""
    order = describe(text)
    names = find_names(text, lexicon)
    topics = find_topics(text, lexicon)
    people = f" People and places: {', '.join(names)}." if names else ""
    about = f" It has to do with: {', '.join(topics)}." if topics else ""
    yield order + people + about
    yield order + people
    yield order


def describe(text: str) -> str:
    """Length, point of view and share of dialogue as an order."""
    words = max(10, round(len(text.split()), -1))
    return f"Write a passage of about {words} words from a novel{point_of_view(text)}, with {share_of_dialogue(text)}."


def point_of_view(text: str) -> str:
    """Who tells, judged by the pronouns outside speech; nothing where too little is told."""
    told = WORD.findall(SPEECH.sub(" ", text).lower())
    speaker = sum(word in SPEAKER for word in told)
    if len(told) < TOLD or not (speaker or any(word in OTHERS for word in told)):
        return ""
    return ", in the first person" if speaker / len(told) >= FIRST_PERSON else ", in the third person"


def share_of_dialogue(text: str) -> str:
    """No, some or much dialogue, by the share of characters between quotation marks."""
    share = sum(len(match.group()) for match in SPEECH.finditer(text)) / max(1, len(text))
    if share < 0.05:
        return "no dialogue"
    return "some dialogue" if share < 0.4 else "much dialogue"


def read_lexicon(texts: Sequence[str]) -> Lexicon:
    """Names are words that are capitalised inside sentences and seldom written small."""
    capital: Counter[str] = Counter()
    small: Counter[str] = Counter()
    passages: Counter[str] = Counter()
    for text in texts:
        words = Counter(WORD.findall(text))
        capital.update(bare(word) for word in MIDDLE.findall(text))
        small.update({word: number for word, number in words.items() if word.islower()})
        passages.update({word.lower() for word in words})
    often = (word for word, number in capital.items() if number > small[word.lower()])
    names = frozenset(word for word in often if not PRONOUN.match(word))
    return Lexicon(names - ADDRESSES, passages, len(texts))


def find_names(text: str, lexicon: Lexicon) -> list[str]:
    """The people and places that a passage names most often, each once: no "Thoris" beside "Dejah Thoris"."""
    seen = Counter(filter(None, (known_part(match.group(), lexicon) for match in NAME.finditer(text))))
    chosen: list[str] = []
    stems: set[str] = set()
    for name, _ in seen.most_common():
        own = {word[:STEM] for word in name.split()}
        if not own & stems:
            chosen.append(name)
            stems |= own
    return chosen[:NAMES]


def known_part(found: str, lexicon: Lexicon) -> str:
    """The words of a run of capitals that are names: "Then Tarzan" is "Tarzan"."""
    return " ".join(word for word in map(bare, found.split()) if word in lexicon.names)


def find_topics(text: str, lexicon: Lexicon) -> list[str]:
    """The words with the highest tf-idf, (1 + log tf) * log(n / df); oddities, known to one passage only, come last."""
    counts = Counter(
        word for word in WORD.findall(text) if word.isalpha() and word.islower() and len(word) >= SHORTEST_TOPIC
    )
    found = {
        word: lexicon.passages[word] for word in counts if lexicon.passages[word] <= max(2, COMMON * lexicon.count)
    }
    weights = {word: (1 + log(counts[word])) * log((1 + lexicon.count) / number) for word, number in found.items()}
    by_stem: dict[str, str] = {}
    for word in sorted(found, key=lambda word: (found[word] == 1, -weights[word])):
        by_stem.setdefault(word[:STEM], word)
    return list(by_stem.values())[:TOPICS]


def shares_run(brief: str, text: str) -> bool:
    """Whether six words in a row of a brief are in the text, whatever stands between them."""
    asked = WORD.findall(brief.lower())
    runs = {tuple(asked[start : start + RUN]) for start in range(len(asked) - RUN + 1)}
    told = WORD.findall(text.lower())
    return any(tuple(told[start : start + RUN]) in runs for start in range(len(told) - RUN + 1))


def bare(word: str) -> str:
    """A word without its possessive ending."""
    return POSSESSIVE.sub("", word)
