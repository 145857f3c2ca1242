"""Checks of answers to plain requests, made from the values that filled the request's pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scriptorium.instructions import counting
from scriptorium.instructions.forming import parse_json
from scriptorium.instructions.instruction import Check
from scriptorium.replay.languages import detect_language

Fields = Mapping[str, str]
QUOTED = re.compile(r'"([^"]+)"')
DIGITS = re.compile(r"\d+")
THOUSANDS = re.compile(r"(?<=\d)[.,](?=\d{3}\b)")
MAX_HEADLINE = 16  # words: "at most ten", and a model that miscounts a little
MAX_REWORDING = 3  # times the words of the sentence that is said in other words


def bullets(fields: Fields) -> Check:
    """Check the number of bullets."""
    return lambda text: counting.count_bullets(text) == int(fields["number"])


def steps(fields: Fields) -> Check:
    """Check the number of numbered steps."""
    return lambda text: counting.count_numbered(text) == int(fields["number"])


def lines(fields: Fields) -> Check:
    """Check the number of lines of a poem."""
    return lambda text: len(counting.split_lines(text)) == int(fields["number"])


def paragraphs(fields: Fields) -> Check:
    """Check the number of paragraphs."""
    return lambda text: len(counting.split_paragraphs(text)) == int(fields["number"])


def questions(fields: Fields) -> Check:
    """Check that as many questions as demanded have answers behind them."""
    return lambda text: text.count("?") == int(fields["number"]) and not text.rstrip().endswith("?")


def json_object(fields: Fields) -> Check:
    """Check that an answer is a JSON object with the keys that the request quotes."""
    keys = set(QUOTED.findall(fields["b"]))

    def check(text: str) -> bool:
        body = parse_json(text.strip())
        return isinstance(body, dict) and set(body) == keys

    return check


def total(fields: Fields) -> Check:
    """Check a sum."""
    return _states(int(fields["a"]) + int(fields["b"]))


def difference(fields: Fields) -> Check:
    """Check a difference."""
    return _states(int(fields["a"]) - int(fields["b"]))


def product(fields: Fields) -> Check:
    """Check a product."""
    return _states(int(fields["a"]) * int(fields["b"]))


def exactly(fields: Fields) -> Check:
    """Check an answer of one given word."""
    return lambda text: text.strip(" \"'“”„«».!").casefold() == fields["b"].casefold()


def contains(fields: Fields) -> Check:
    """Check that a short answer has the right word, and is more than a list of guesses."""
    return lambda text: counting.count_word(fields["b"], text) > 0 and len(counting.split_sentences(text)) <= 3


def reworded(fields: Fields) -> Check:
    """Check that a sentence is said in other words, and in not many more."""
    given_words = counting.list_words(fields["topic"].casefold())

    def check(text: str) -> bool:
        words = counting.list_words(text.casefold())
        return words != given_words and len(words) <= MAX_REWORDING * len(given_words)

    return check


def translated(fields: Fields) -> Check:
    """Check that a translation is in its language."""
    return lambda text: detect_language(text) == fields["target"]


def ends_with(fields: Fields) -> Check:
    """Check the last words."""
    return lambda text: text.rstrip(' "”*').endswith(fields["b"])


def headline(_: Fields) -> Check:
    """Check that an answer is one short line."""
    return lambda text: len(counting.split_lines(text)) == 1 and len(counting.list_words(text)) <= MAX_HEADLINE


def few_sentences(_: Fields) -> Check:
    """Check that an answer has one sentence or two."""
    return lambda text: len(counting.split_sentences(text)) <= 2


def _states(number: int) -> Check:
    """Check that the last number of an answer is the right one."""
    return lambda text: DIGITS.findall(THOUSANDS.sub("", text))[-1:] == [str(number)]
