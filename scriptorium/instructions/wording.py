"""Instructions about the words and signs of an answer.

A forbidden word or sign goes with a word that must be used: a text about anything else does not follow by accident.
"""

from __future__ import annotations

import re

from scriptorium.instructions import counting
from scriptorium.instructions.instruction import Check
from scriptorium.instructions.topics import Topic, opening_sentence

MIN_WORDS = 12  # leaving something out is easy in a shorter text
LETTERS = "zkvwgy"
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def include_words(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for three given words."""
    first, second, third = topic.related
    demand = f"Use the words “{first}”, “{second}” and “{third}”."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: all(
        counting.count_word(word, text) for word in topic.related
    )


def avoid_word(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for one word, and forbid another, also with an ending."""
    forbidden, required = topic.related[turn % 3], topic.related[(turn + 1) % 3]
    demand = f"Use the word “{required}”, but never the word “{forbidden}”, and at least {MIN_WORDS} words."

    def check(text: str) -> bool:
        return _long_enough(text) and counting.count_word(required, text) > 0 and forbidden not in text.casefold()

    return f"{opening_sentence(topic, turn)} {demand}", check


def repeat_word(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a word a number of times."""
    word, number = topic.related[turn % 3], (2, 3)[turn % 2]
    demand = f"The word “{word}” must appear exactly {('two', 'three')[turn % 2]} times."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: counting.count_word(word, text) == number


def no_comma(topic: Topic, turn: int) -> tuple[str, Check]:
    """Forbid commas."""
    demand = f"Use the word “{topic.noun}” and at least {MIN_WORDS} words, but not a single comma."
    return (
        f"{opening_sentence(topic, turn)} {demand}",
        lambda text: _long_enough(text) and "," not in text and _names(topic, text),
    )


def no_letter(topic: Topic, turn: int) -> tuple[str, Check]:
    """Forbid a letter."""
    allowed = [letter for letter in LETTERS if letter not in topic.noun]
    letter = allowed[turn % len(allowed)]
    demand = f"Use the word “{topic.noun}” and at least {MIN_WORDS} words, but no word with the letter “{letter}”."

    def check(text: str) -> bool:
        return _long_enough(text) and letter not in text.casefold() and _names(topic, text)

    return f"{opening_sentence(topic, turn)} {demand}", check


def questions(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for questions only."""
    number = (2, 3)[turn % 2]
    request = f"Ask exactly {('two', 'three')[turn % 2]} questions about {topic.thing} and write nothing else."

    def check(text: str) -> bool:
        sentences = counting.split_sentences(text)
        return len(sentences) == number and all(sentence.rstrip(" \"'”’)*_").endswith("?") for sentence in sentences)

    return request, check


def numbers(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a number of numbers in digits."""
    number = (2, 1, 3)[turn % 3]
    named = ("two numbers", "one number", "three numbers")[turn % 3]
    demand = f"Use at least {MIN_WORDS} words and exactly {named}, in digits; write no list."
    return (
        f"{opening_sentence(topic, turn)} {demand}",
        lambda text: _long_enough(text) and len(NUMBER.findall(text)) == number,
    )


def _long_enough(text: str) -> bool:
    """Return whether a text has enough words."""
    return len(counting.list_words(text)) >= MIN_WORDS


def _names(topic: Topic, text: str) -> bool:
    """Return whether a text uses the noun of the topic."""
    return counting.count_word(topic.noun, text) > 0
