"""The brief of a passage: what an author would ask for, extracted and never quoted.

Names, the things that set a passage apart in its book (tf-idf), point of view, share of dialogue and length.
A brief and its passage have no run of six words in common, so that nothing can be learned by copying.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

RUN = 6  # words in a row
NAMES = 4
TOPICS = 8
COMMON = 0.2  # share of passages above which a word is the book's and not the passage's
SHORTEST_TOPIC = 4  # letters
ODD = 1e-3  # what a word counts that one passage only knows
LESS = 0.7  # what a word that is no thing counts
THING = 0.2  # share of a word's places that are after a determiner: a thing or its quality, hardly what somebody does
STEM = 5  # letters by which "cabin" and "cabins" are the same topic
TOLD = 30  # words outside speech that are needed to see who tells
FIRST_PERSON = 0.01  # share of told words; a third-person narrator hardly ever says "I"

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
# A pattern that begins with a letter or sign is searched for much faster than one that begins by looking behind.
CAPITAL = "[A-ZÀ-ÖØ-Þ]"
REST = r"(?:[’'-]?\w)*[^\W\d_A-Z]"
MIDDLE = re.compile(rf"{CAPITAL}(?<=[a-z,;] {CAPITAL}){REST}")
NAME = re.compile(rf"{CAPITAL}(?<!\w{CAPITAL}){REST}(?: {CAPITAL}{REST})*")
ADDRESSES = frozenset(["Mr", "Mrs", "Ms", "Dr", "St", "Hon", "Rev", "Prof"])  # no names by themselves
PRONOUN = re.compile(r"I['’]")  # "I'll" is capitalised everywhere, too
POSSESSIVE = re.compile(r"['’]s?$")
SPEECH = re.compile(r"\"[^\"\n]*(?:\"|$)|“[^”\n]*(?:”|$)|«[^»\n]*(?:»|$)|‘(?<!\w‘)[^\n]*?’(?!\w)", re.MULTILINE)
SPEAKER = frozenset(["i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"])
OTHERS = frozenset(["he", "him", "his", "himself", "she", "her", "hers", "herself", "they", "them", "their"])
DETERMINERS = frozenset(["the", "a", "an", "my", "our", "your", "his", "her", "its", "their", "this", "that", "these",
                         "those", "no", "every", "each", "some", "any"])  # fmt: skip


@dataclass(frozen=True)
class Lexicon:
    """What is known of a book's words: which are names, and how much each possible topic weighs.

    A topic weighs log(n / df), less where it is no thing, and hardly anything where only one passage knows it.
    """

    names: frozenset[str]
    topics: dict[str, float]


def write_briefs(texts: Sequence[str]) -> list[str | None]:
    """A brief for each passage of one book; None where every wording would share a run of words with it."""
    lexicon = read_lexicon(texts)
    return [write_brief(text, lexicon) for text in texts]


def write_brief(text: str, lexicon: Lexicon) -> str | None:
    """The fullest brief that shares no run of words with its passage."""
    words = WORD.findall(text)
    told = spoken(words)
    return next((brief for brief in wordings(text, words, lexicon) if not shares_run(brief, told)), None)


def wordings(text: str, words: Sequence[str], lexicon: Lexicon) -> Iterator[str]:
    """The brief in full, then with less in it."""
    counts = Counter(words)
    order = describe(text, counts)
    names = find_names(text, lexicon)
    topics = find_topics(counts, lexicon)
    people = f" People and places: {', '.join(names)}." if names else ""
    about = f" It has to do with: {', '.join(topics)}." if topics else ""
    yield order + people + about
    yield order + people
    yield order


def describe(text: str, counts: Counter[str]) -> str:
    """Length, point of view and share of dialogue as an order; `counts` are the text's words."""
    length = max(10, round(len(text.split()), -1))
    speech = "\n".join(match.group() for match in SPEECH.finditer(text))
    dialogue = share_of_dialogue(len(speech) / max(1, len(text)))
    view = point_of_view(counts, Counter(WORD.findall(speech)))
    return f"Write a passage of about {length} words from a novel{view}, with {dialogue}."


def point_of_view(counts: Counter[str], said: Counter[str]) -> str:
    """Who tells, judged by the pronouns outside speech; nothing where too little is told."""

    def told(words: Iterable[str]) -> int:
        forms = [form for word in words for form in (word, word.capitalize())]
        return sum(counts[form] - said[form] for form in forms)

    length, speaker = counts.total() - said.total(), told(SPEAKER)
    if length < TOLD or not (speaker or told(OTHERS)):
        return ""
    return ", in the first person" if speaker / length >= FIRST_PERSON else ", in the third person"


def share_of_dialogue(share: float) -> str:
    """No, some or much dialogue, by the share of characters between quotation marks."""
    if share < 0.05:
        return "no dialogue"
    return "some dialogue" if share < 0.4 else "much dialogue"


def read_lexicon(texts: Iterable[str]) -> Lexicon:
    """Names are words that are capitalised inside sentences and seldom written small."""
    seen: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    determined: Counter[str] = Counter()
    passages: Counter[str] = Counter()
    length = 0
    for length, text in enumerate(texts, start=1):  # noqa: B007  # counted for the end
        words = WORD.findall(text)
        seen.update(MIDDLE.findall(text))
        determined.update(word for before, word in pairwise(words) if before in DETERMINERS)
        counts.update(words)
        passages.update({word.lower() for word in set(words)})
    capital: Counter[str] = Counter()
    for word, number in seen.items():
        capital[bare(word)] += number
    often = (word for word, number in capital.items() if number > counts[word.lower()])
    names = frozenset(word for word in often if not PRONOUN.match(word))
    return Lexicon(names - ADDRESSES, weigh_topics(counts, determined, passages, length))


def weigh_topics(
    counts: Counter[str], determined: Counter[str], passages: Counter[str], texts: int
) -> dict[str, float]:
    """The words that may be topics: written small, and not all over the book.

    What only one passage has comes last: an oddity tells more of the author than of the matter.
    """
    most = max(2, COMMON * texts)
    topics: dict[str, float] = {}
    for word, number in counts.items():
        spread = passages[word]
        if 0 < spread <= most and len(word) >= SHORTEST_TOPIC and word.islower() and word.isalpha():
            thing = determined[word] >= THING * number
            topics[word] = log((1 + texts) / spread) * (1 if thing else LESS) * (ODD if spread == 1 else 1)
    return topics


def find_names(text: str, lexicon: Lexicon) -> list[str]:
    """The people and places that a passage names most often, each once: no "Thoris" beside "Dejah Thoris"."""
    seen: Counter[str] = Counter()
    for found, times in Counter(NAME.findall(text)).items():
        seen[known_part(found, lexicon)] += times
    del seen[""]
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


def find_topics(counts: Counter[str], lexicon: Lexicon) -> list[str]:
    """The words with the highest tf-idf, (1 + log tf) * log(n / df), of each stem one."""
    known = lexicon.topics
    weights = {word: (1 + log(times)) * known[word] for word, times in counts.items() if word in known}
    by_stem: dict[str, str] = {}
    for word in sorted(weights, key=weights.__getitem__, reverse=True):
        by_stem.setdefault(word[:STEM], word)
    return list(by_stem.values())[:TOPICS]


def spoken(words: Sequence[str]) -> str:
    """Words in small letters between single spaces, one at each end, so that a run of them can be looked up."""
    return f" {' '.join(words).lower()} "


def shares_run(brief: str, told: str) -> bool:
    """Whether six words in a row of a brief are in a text, given as `spoken`, whatever stands between them there."""
    asked = WORD.findall(brief)
    return any(spoken(asked[start : start + RUN]) in told for start in range(len(asked) - RUN + 1))


def bare(word: str) -> str:
    """A word without its possessive ending."""
    return POSSESSIVE.sub("", word)
