"""Instructions about which words and signs stand in an answer.

What may not be used goes with a word that must be: a text about anything else does not follow by accident.
"""

from __future__ import annotations

import re

from services.evaluator.retention.instructions import counting
from services.evaluator.retention.instructions.instruction import Check
from services.evaluator.retention.instructions.topics import Topic, task

FEWEST = 12  # words: leaving something out is no feat in a shorter text
LETTERS = "zkvwgy"
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def include(topic: Topic, turn: int) -> tuple[str, Check]:
    """Three words that must be used."""
    first, second, third = topic.related
    demand = f"Use the words “{first}”, “{second}” and “{third}”."
    return f"{task(topic, turn)} {demand}", lambda text: all(counting.times(word, text) for word in topic.related)


def avoid(topic: Topic, turn: int) -> tuple[str, Check]:
    """A word that must not be used, nor with an ending, and one that must."""
    forbidden, wanted = topic.related[turn % 3], topic.related[(turn + 1) % 3]
    demand = f"Use the word “{wanted}”, but never the word “{forbidden}”, and at least {FEWEST} words."

    def check(text: str) -> bool:
        return _long(text) and counting.times(wanted, text) > 0 and forbidden not in text.casefold()

    return f"{task(topic, turn)} {demand}", check


def repeated(topic: Topic, turn: int) -> tuple[str, Check]:
    """A word that stands there a number of times."""
    word, number = topic.related[turn % 3], (2, 3)[turn % 2]
    demand = f"The word “{word}” must appear exactly {('two', 'three')[turn % 2]} times."
    return f"{task(topic, turn)} {demand}", lambda text: counting.times(word, text) == number


def no_comma(topic: Topic, turn: int) -> tuple[str, Check]:
    """No commas."""
    demand = f"Use the word “{topic.noun}” and at least {FEWEST} words, but not a single comma."
    return f"{task(topic, turn)} {demand}", lambda text: _long(text) and "," not in text and _names(topic, text)


def no_letter(topic: Topic, turn: int) -> tuple[str, Check]:
    """A letter that must not be used."""
    allowed = [letter for letter in LETTERS if letter not in topic.noun]
    letter = allowed[turn % len(allowed)]
    demand = f"Use the word “{topic.noun}” and at least {FEWEST} words, but no word with the letter “{letter}”."

    def check(text: str) -> bool:
        return _long(text) and letter not in text.casefold() and _names(topic, text)

    return f"{task(topic, turn)} {demand}", check


def questions(topic: Topic, turn: int) -> tuple[str, Check]:
    """Questions only."""
    number = (2, 3)[turn % 2]
    request = f"Ask exactly {('two', 'three')[turn % 2]} questions about {topic.thing} and write nothing else."

    def check(text: str) -> bool:
        found = counting.sentences(text)
        return len(found) == number and all(sentence.rstrip(" \"'”’)*_").endswith("?") for sentence in found)

    return request, check


def numerals(topic: Topic, turn: int) -> tuple[str, Check]:
    """A number of numbers in digits."""
    number = (2, 1, 3)[turn % 3]
    named = ("two numbers", "one number", "three numbers")[turn % 3]
    demand = f"Use at least {FEWEST} words and exactly {named}, in digits; write no list."
    return f"{task(topic, turn)} {demand}", lambda text: _long(text) and len(NUMBER.findall(text)) == number


def _long(text: str) -> bool:
    return len(counting.words(text)) >= FEWEST


def _names(topic: Topic, text: str) -> bool:
    return counting.times(topic.noun, text) > 0
