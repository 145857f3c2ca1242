"""Briefs extracted from passages: what an author would ask for, never a quotation.

A brief names people and places, the things that set a passage apart in its book (tf-idf), the point of view, the share
of dialogue and the length, in the book's language if its file has the sentences, in English otherwise. It never shares
six words in a row with its passage, so nothing can be learned by copying.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from math import log

from scriptorium.contracts import Finding
from scriptorium.text.book_counts import BookCounts, count_book
from scriptorium.text.briefs import Dialogue, Person, word_instruction, word_kind, word_names, word_topics
from scriptorium.text.languages.detect import detect_book_language
from scriptorium.text.languages.language import ENGLISH, Language
from scriptorium.text.names import keep_names, name_pattern
from scriptorium.text.quotation import QUOTE_LENGTH, join_words, quotes_passage
from scriptorium.text.word_spans import count_running_words, part_words
from scriptorium.text.words import COMPOUND_WORD, plain
from services.data.passage import Passage, detect_passage_language
from services.data.passage_kind import judge_kind

MAX_NAMES = 4
MAX_TOPICS = 8
COMMON_SHARE = 0.2  # share of passages above which a word is the book's and not the passage's
ODDITY_WEIGHT = 1e-3  # of a word that only one passage has
OTHER_WORD_WEIGHT = 0.7  # of a word that is neither a thing nor a quality
THING_SHARE = 0.2  # share of a word's uses behind a determiner: it is a thing or a quality, hardly an action
STEM_LENGTH = 5  # letters by which "cabin" and "cabins" are the same topic
MIN_NARRATED_WORDS = 30  # words outside speech that are needed to recognise the narrator
FIRST_PERSON_SHARE = 0.01  # share of the narrated words; a third-person narrator hardly ever says "I"

NO_APOSTROPHE = {"'": r"(?<!\w)'"}  # a straight opening sign has no letter before it
SPEECH = re.compile(r"\"[^\"\n]*(?:\"|$)|“[^”\n]*(?:”|$)|«[^»\n]*(?:»|$)|‘(?<!\w‘)[^\n]*?’(?!\w)", re.MULTILINE)


@dataclass(frozen=True)
class Lexicon:
    """The words of a book: which are names, and the weight of each possible topic.

    A topic weighs log(n / df), less if it is not a thing, and hardly anything if only one passage has it.
    """

    names: frozenset[str]
    topics: dict[str, float]
    language: Language = ENGLISH


def add_briefs(
    passages: Sequence[Passage], book_language: Language | None = None
) -> tuple[list[Passage], list[Finding]]:
    """Return passages of one author with their briefs; leave out those whose every brief would quote them.

    Ready rows keep their own prompts.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    language = choose_language(book_language or detect_passage_language(passages))
    lexicon = build_lexicon((passage.text for passage in passages), language)
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
    lexicon = build_lexicon(texts, choose_language(detect_book_language(texts)))
    return [write_brief(text, lexicon) for text in texts]


def choose_language(language: Language) -> Language:
    """Return the language of a book's briefs: its own if there are sentences in it, English otherwise."""
    return language if language.brief else ENGLISH


def write_brief(text: str, lexicon: Lexicon) -> str | None:
    """Return the fullest brief that does not quote its passage; None if there is none."""
    language = lexicon.language
    words = list_separate_words(text, language)
    passage = join_words(words)
    wordings = list_wordings(text, words, lexicon)
    return next(
        (brief for brief in wordings if not quotes_passage(part_words(language.separate(brief)), passage)), None
    )


def list_separate_words(text: str, language: Language) -> list[str]:
    """List the words of a text, also those that an apostrophe or nothing at all parts from the next one."""
    return COMPOUND_WORD.findall(part_words(language.separate(text)))


def list_wordings(text: str, words: Sequence[str], lexicon: Lexicon) -> Iterator[str]:
    """Yield the full brief, then shorter ones."""
    counts = Counter(words)
    language = lexicon.language
    instruction = write_instruction(text, counts, language)
    names = find_names(text, lexicon)
    topics = find_topics(counts, lexicon)
    yield instruction + word_names(names, language) + word_topics(topics, language)
    yield instruction + word_names(names, language)
    yield instruction


def write_instruction(text: str, counts: Counter[str], language: Language = ENGLISH) -> str:
    """Write an instruction with the kind of text and its length; for prose, with point of view and dialogue, too.

    `counts` are the text's words.
    """
    length = max(10, round(count_running_words(text), -1))
    if (kind := judge_kind(text, language)) != "prose":
        return word_kind(length, kind, language)
    speech = "\n".join(match.group() for match in speech_pattern(language).finditer(text))
    dialogue = describe_dialogue(len(speech) / max(1, len(text)))
    person = recognise_person(counts, Counter(list_separate_words(speech, language)), language)
    return word_instruction(length, person, dialogue, language)


@cache
def speech_pattern(language: Language) -> re.Pattern[str]:
    """Compile the pattern of speech: what stands in the language's quotation marks, and lines behind a dash."""
    if language == ENGLISH:
        return SPEECH
    pairs = [(opening, closing, plain(closing)) for opening, closing in language.quote_pairs]
    quoted = [
        rf"{NO_APOSTROPHE.get(opening, opening)}[^{closing}{straight}\n]*(?:[{closing}{straight}]|$)"
        for opening, closing, straight in pairs
    ]
    dash = [r"^[^\S\n]*(?:[—–―]|--?)[^\S\n]?(?=[^\W\d_]|[«¿¡“\"„….])[^\n]*$"] if language.dialogue_dash else []
    return re.compile("|".join([*dash, *quoted, SPEECH.pattern]), re.MULTILINE)


def recognise_person(counts: Counter[str], speech: Counter[str], language: Language = ENGLISH) -> Person | None:
    """Recognise the narrator's person by the pronouns outside speech; None if there is too little narration."""

    def count_narrated(pronouns: Iterable[str]) -> int:
        forms = {form for pronoun in pronouns for form in (pronoun, pronoun.capitalize())}
        forms -= language.title_abbreviations  # "M. Homais" says nothing of "m'"
        return sum(counts[form] - speech[form] for form in forms)

    length, first_person = counts.total() - speech.total(), count_narrated(language.first_person)
    if endings := language.first_person_endings:
        first_person += sum(number - speech[word] for word, number in counts.items() if word.endswith(endings))
    if length < MIN_NARRATED_WORDS or not (first_person or count_narrated(language.third_person)):
        return None
    return "first" if first_person / length >= FIRST_PERSON_SHARE else "third"


def describe_dialogue(share: float) -> Dialogue:
    """Return no, some or much dialogue, by the share of characters between quotation marks."""
    if share < 0.05:
        return "no"
    return "some" if share < 0.4 else "much"


def build_lexicon(texts: Iterable[str], language: Language = ENGLISH) -> Lexicon:
    """Collect a book's names and topics."""
    counts = count_book(texts, language)
    return Lexicon(counts.names, weigh_topics(counts), language)


def weigh_topics(counts: BookCounts) -> dict[str, float]:
    """Weigh the words that may be topics: lower-case words, and nouns with capitals, that are not all over the book.

    Words of a single passage come last: an oddity says more about the author than about the subject.
    """
    max_passages = max(2, COMMON_SHARE * counts.texts)
    topics: dict[str, float] = {}
    for word, number in counts.words.items():
        is_candidate = (
            (word == word.lower() or word in counts.nouns)
            and word.isalpha()
            and len(word) >= counts.language.topic_length
        )
        passages = counts.passages[word.lower()]
        if is_candidate and 0 < passages <= max_passages:
            thing_weight = 1 if counts.determined[word] >= THING_SHARE * number else OTHER_WORD_WEIGHT
            oddity_weight = ODDITY_WEIGHT if passages == 1 else 1
            topics[word] = log((1 + counts.texts) / passages) * thing_weight * oddity_weight
    return topics


def find_names(text: str, lexicon: Lexicon) -> list[str]:
    """Return the people and places that a passage names most often, each once: no "Thoris" beside "Dejah Thoris"."""
    counts: Counter[str] = Counter()
    for capitals, number in Counter(name_pattern(lexicon.language).findall(lexicon.language.separate(text))).items():
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
