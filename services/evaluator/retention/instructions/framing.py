"""Instructions about what stands at the beginning, at the end or around an answer."""

from __future__ import annotations

import re

from services.evaluator.retention.instructions import counting
from services.evaluator.retention.instructions.instruction import Check
from services.evaluator.retention.instructions.topics import Topic, task

BEGINNINGS = ("Few people know that", "To tell the truth,", "On a quiet day,", "Strange as it sounds,")
ENDINGS = ("That is all there is to it.", "Now you know.", "The rest is silence.", "Go and see for yourself.")
TITLE = re.compile(r"<<[^<>\n]*\w[^<>\n]*>>")
POSTSCRIPT = re.compile(r"^\W*P\.\s?S\.\W*\w", re.MULTILINE)


def begin(topic: Topic, turn: int) -> tuple[str, Check]:
    """First words that are given."""
    phrase = BEGINNINGS[turn % len(BEGINNINGS)]
    request = f"{task(topic, turn)} Begin your answer with the words “{phrase}”"
    return request, lambda text: text.startswith(phrase) and len(text) > len(phrase)


def end(topic: Topic, turn: int) -> tuple[str, Check]:
    """Last words that are given."""
    phrase = ENDINGS[turn % len(ENDINGS)]
    request = f"{task(topic, turn)} Use few words, and end your answer with exactly this sentence: {phrase}"
    return request, lambda text: text.endswith(phrase) and len(text) > len(phrase)


def title(topic: Topic, turn: int) -> tuple[str, Check]:
    """A title in double angle brackets, and a text below."""
    request = f"{task(topic, turn)} Put a title in front, in double angle brackets, like this: <<title>>"

    def check(text: str) -> bool:
        found = TITLE.match(text)
        return found is not None and found.group() != "<<title>>" and bool(counting.words(text[found.end() :]))

    return request, check


def postscript(topic: Topic, turn: int) -> tuple[str, Check]:
    """A postscript after a text."""
    request = f"{task(topic, turn)} Use two sentences, then add a postscript that begins with “P.S.”"

    def check(text: str) -> bool:
        found = POSTSCRIPT.search(text)
        return found is not None and bool(counting.words(text[: found.start()]))

    return request, check


def quoted(topic: Topic, turn: int) -> tuple[str, Check]:
    """Double quotation marks around everything."""
    request = f"{task(topic, turn)} Use one or two sentences and put your whole answer in double quotation marks."

    def check(text: str) -> bool:
        return len(counting.words(text)) > 1 and text[0] in '"“' and text[-1] in '"”'

    return request, check


def repeat(topic: Topic, turn: int) -> tuple[str, Check]:
    """The request, word for word, and then an answer."""
    question = task(topic, turn)
    request = f"{question} First repeat the sentence before this one, word for word, and then answer it."

    def check(text: str) -> bool:
        bare = text.lstrip("\"'“*")
        return bare.startswith(question) and bool(counting.words(bare[len(question) :]))

    return request, check
