"""Briefs extracted from passages: what an author would ask for, never a quotation.

A brief names people and places, the things that set a passage apart in its book (tf-idf), the point of view, the share
of dialogue and the length. It never shares six words in a row with its passage, so nothing can be learned by copying.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import log

from scriptorium.contracts import Finding
from scriptorium.text.briefs import Dialogue, Person, word_instruction, word_names, word_topics
from scriptorium.text.names import MID_SENTENCE_CAPITAL, NAME, keep_names, select_names
from scriptorium.text.quotation import QUOTE_LENGTH, join_words, quotes_passage
from scriptorium.text.words import COMPOUND_WORD
from services.data.passage import Passage

MAX_NAMES = 4
MAX_TOPICS = 8
COMMON_SHARE = 0.2  # share of passages above which a word is the book's and not the passage's
MIN_TOPIC_LENGTH = 4  # letters
ODDITY_WEIGHT = 1e-3  # of a word that only one passage has
OTHER_WORD_WEIGHT = 0.7  # of a word that is neither a thing nor a quality
THING_SHARE = 0.2  # share of a word's uses behind a determiner: it is a thing or a quality, hardly an action
STEM_LENGTH = 5  # letters by which "cabin" and "cabins" are the same topic
MIN_NARRATED_WORDS = 30  # words outside speech that are needed to recognise the narrator
FIRST_PERSON_SHARE = 0.01  # share of the narrated words; a third-person narrator hardly ever says "I"

SPEECH = re.compile(r"\"[^\"\n]*(?:\"|$)|“[^”\n]*(?:”|$)|«[^»\n]*(?:»|$)|‘(?<!\w‘)[^\n]*?’(?!\w)", re.MULTILINE)
FIRST_PERSON_PRONOUNS = frozenset(["i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves"])
THIRD_PERSON_PRONOUNS = frozenset(
    ["he", "him", "his", "himself", "she", "her", "hers", "herself", "they", "them", "their"]
)
DETERMINERS = frozenset(["the", "a", "an", "my", "our", "your", "his", "her", "its", "their", "this", "that", "these",
                         "those", "no", "every", "each", "some", "any"])  # fmt: skip


@dataclass(frozen=True)
class Lexicon:
    """The words of a book: which are names, and the weight of each possible topic.

    A topic weighs log(n / df), less if it is not a thing, and hardly anything if only one passage has it.
    """

    names: frozenset[str]
    topics: dict[str, float]


def add_briefs(passages: Sequence[Passage]) -> tuple[list[Passage], list[Finding]]:
    """Return passages of one author with their briefs; leave out those whose every brief would quote them.

    Ready rows keep their own prompts.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    lexicon = build_lexicon(passage.text for passage in passages)
    briefed: list[Passage] = []
    findings: list[Finding] = []
    for passage in passages:
        if brief := write_brief(passage.text, lexicon):
            briefed.append(replace(passage, stored_prompt=brief))
        else:
            message = f"left out: every brief would share {QUOTE_LENGTH} words in a row with it"
            findings.append(Finding(code="brief_quotes", place=passage.place, message=message))
    return [*briefed, *ready], findings


def write_briefs(texts: Sequence[str]) -> list[str | None]:
    """Write a brief for each passage of one book; None if every wording would quote the passage."""
    lexicon = build_lexicon(texts)
    return [write_brief(text, lexicon) for text in texts]


def write_brief(text: str, lexicon: Lexicon) -> str | None:
    """Return the fullest brief that does not quote its passage; None if there is none."""
    words = COMPOUND_WORD.findall(text)
    passage = join_words(words)
    return next((brief for brief in list_wordings(text, words, lexicon) if not quotes_passage(brief, passage)), None)


def list_wordings(text: str, words: Sequence[str], lexicon: Lexicon) -> Iterator[str]:
    """Yield the full brief, then shorter ones."""
    counts = Counter(words)
    instruction = write_instruction(text, counts)
    names = find_names(text, lexicon)
    topics = find_topics(counts, lexicon)
    yield instruction + word_names(names) + word_topics(topics)
    yield instruction + word_names(names)
    yield instruction


def write_instruction(text: str, counts: Counter[str]) -> str:
    """Write an instruction with length, point of view and share of dialogue; `counts` are the text's words."""
    length = max(10, round(len(text.split()), -1))
    speech = "\n".join(match.group() for match in SPEECH.finditer(text))
    dialogue = describe_dialogue(len(speech) / max(1, len(text)))
    return word_instruction(length, recognise_person(counts, Counter(COMPOUND_WORD.findall(speech))), dialogue)


def recognise_person(counts: Counter[str], speech: Counter[str]) -> Person | None:
    """Recognise the narrator's person by the pronouns outside speech; None if there is too little narration."""

    def count_narrated(pronouns: Iterable[str]) -> int:
        forms = [form for pronoun in pronouns for form in (pronoun, pronoun.capitalize())]
        return sum(counts[form] - speech[form] for form in forms)

    length, first_person = counts.total() - speech.total(), count_narrated(FIRST_PERSON_PRONOUNS)
    if length < MIN_NARRATED_WORDS or not (first_person or count_narrated(THIRD_PERSON_PRONOUNS)):
        return None
    return "first" if first_person / length >= FIRST_PERSON_SHARE else "third"


def describe_dialogue(share: float) -> Dialogue:
    """Return no, some or much dialogue, by the share of characters between quotation marks."""
    if share < 0.05:
        return "no"
    return "some" if share < 0.4 else "much"


def build_lexicon(texts: Iterable[str]) -> Lexicon:
    """Collect names and topics; names are words that are capitalised inside sentences and seldom lower-case."""
    capitalised: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    determined: Counter[str] = Counter()
    passages: Counter[str] = Counter()
    length = 0
    for length, text in enumerate(texts, start=1):  # noqa: B007  # used after the loop
        words = COMPOUND_WORD.findall(text)
        capitalised.update(MID_SENTENCE_CAPITAL.findall(text))
        determined.update(word for before, word in pairwise(words) if before in DETERMINERS)
        counts.update(words)
        passages.update({word.lower() for word in set(words)})
    return Lexicon(select_names(capitalised, counts), weigh_topics(counts, determined, passages, length))


def weigh_topics(
    counts: Counter[str], determined: Counter[str], passages: Counter[str], texts: int
) -> dict[str, float]:
    """Weigh the words that may be topics: lower-case words that are not all over the book.

    Words of a single passage come last: an oddity says more about the author than about the subject.
    """
    max_passages = max(2, COMMON_SHARE * texts)
    topics: dict[str, float] = {}
    for word, number in counts.items():
        spread = passages[word]
        if 0 < spread <= max_passages and len(word) >= MIN_TOPIC_LENGTH and word.islower() and word.isalpha():
            thing_weight = 1 if determined[word] >= THING_SHARE * number else OTHER_WORD_WEIGHT
            topics[word] = log((1 + texts) / spread) * thing_weight * (ODDITY_WEIGHT if spread == 1 else 1)
    return topics


def find_names(text: str, lexicon: Lexicon) -> list[str]:
    """Return the people and places that a passage names most often, each once: no "Thoris" beside "Dejah Thoris"."""
    counts: Counter[str] = Counter()
    for capitals, number in Counter(NAME.findall(text)).items():
        counts[keep_names(capitals, lexicon.names)] += number
    del counts[""]
    chosen: list[str] = []
    used_stems: set[str] = set()
    for name, _ in counts.most_common():
        stems = {word[:STEM_LENGTH] for word in name.split()}
        if not stems & used_stems:
            chosen.append(name)
            used_stems |= stems
    return chosen[:MAX_NAMES]


def find_topics(counts: Counter[str], lexicon: Lexicon) -> list[str]:
    """Return the words with the highest tf-idf, (1 + log tf) * log(n / df), one of each stem."""
    topics = lexicon.topics
    weights = {word: (1 + log(number)) * topics[word] for word, number in counts.items() if word in topics}
    by_stem: dict[str, str] = {}
    for word in sorted(weights, key=weights.__getitem__, reverse=True):
        by_stem.setdefault(word[:STEM_LENGTH], word)
    return list(by_stem.values())[:MAX_TOPICS]
