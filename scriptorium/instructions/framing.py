"""Instructions about the beginning, the end or the frame of an answer."""

from __future__ import annotations

import re

from scriptorium.instructions import counting
from scriptorium.instructions.instruction import Check
from scriptorium.instructions.topics import Topic, opening_sentence

BEGINNINGS = ("Few people know that", "To tell the truth,", "On a quiet day,", "Strange as it sounds,")
ENDINGS = ("That is all there is to it.", "Now you know.", "The rest is silence.", "Go and see for yourself.")
TITLE = re.compile(r"<<[^<>\n]*\w[^<>\n]*>>")
POSTSCRIPT = re.compile(r"^\W*P\.\s?S\.\W*\w", re.MULTILINE)


def begin_with(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for given first words."""
    phrase = BEGINNINGS[turn % len(BEGINNINGS)]
    request = f"{opening_sentence(topic, turn)} Begin your answer with the words “{phrase}”"
    return request, lambda text: text.startswith(phrase) and len(text) > len(phrase)


def end_with(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a given last sentence."""
    phrase = ENDINGS[turn % len(ENDINGS)]
    request = f"{opening_sentence(topic, turn)} Use few words, and end your answer with exactly this sentence: {phrase}"
    return request, lambda text: text.endswith(phrase) and len(text) > len(phrase)


def title(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a title in double angle brackets, and a text below."""
    request = f"{opening_sentence(topic, turn)} Put a title in front, in double angle brackets, like this: <<title>>"

    def check(text: str) -> bool:
        match = TITLE.match(text)
        return match is not None and match.group() != "<<title>>" and bool(counting.list_words(text[match.end() :]))

    return request, check


def postscript(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a postscript after a text."""
    request = f"{opening_sentence(topic, turn)} Use two sentences, then add a postscript that begins with “P.S.”"

    def check(text: str) -> bool:
        match = POSTSCRIPT.search(text)
        return match is not None and bool(counting.list_words(text[: match.start()]))

    return request, check


def quotation_marks(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for double quotation marks around the whole answer."""
    request = (
        f"{opening_sentence(topic, turn)} Use one or two sentences and put your whole answer in double quotation marks."
    )

    def check(text: str) -> bool:
        return len(counting.list_words(text)) > 1 and text[0] in '"“' and text[-1] in '"”'

    return request, check


def repeat_request(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for the request, word for word, and then an answer."""
    question = opening_sentence(topic, turn)
    request = f"{question} First repeat the sentence before this one, word for word, and then answer it."

    def check(text: str) -> bool:
        bare = text.lstrip("\"'“*")
        return bare.startswith(question) and bool(counting.list_words(bare[len(question) :]))

    return request, check
