"""Instructions about lower case and capital letters."""

from __future__ import annotations

from scriptorium.instructions import counting
from scriptorium.instructions.instruction import Check
from scriptorium.instructions.topics import Topic, opening_sentence

MIN_WORDS = 5


def lower_case(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for lower case only."""
    demand = f"Write at least {MIN_WORDS} words, all in lower case: no capital letter anywhere."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: _long_enough(text) and text == text.lower()


def capitals(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for capitals only."""
    demand = f"Write at least {MIN_WORDS} words, all in capital letters: no lower case letter anywhere."
    return (
        f"{opening_sentence(topic, turn)} {demand}",
        lambda text: _long_enough(text) and text == text.upper() != text.lower(),
    )


def capital_words(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for one given word in capitals, and no other."""
    word = topic.related[turn % 3].upper()
    demand = f"Write the word “{word}” in capital letters, as here, and no other word like that."

    def check(text: str) -> bool:
        in_capitals = {written for written in counting.list_words(text) if len(written) > 1 and written.isupper()}
        return in_capitals == {word}

    return f"{opening_sentence(topic, turn)} {demand}", check


def _long_enough(text: str) -> bool:
    """Return whether a text has enough words."""
    return len(counting.list_words(text)) >= MIN_WORDS
