"""Instructions about small letters and capitals."""

from __future__ import annotations

from services.evaluator.retention.instructions import counting
from services.evaluator.retention.instructions.instruction import Check
from services.evaluator.retention.instructions.topics import Topic, task

FEWEST = 5  # words


def lower_case(topic: Topic, turn: int) -> tuple[str, Check]:
    """Small letters only."""
    demand = f"Write at least {FEWEST} words, all in lower case: no capital letter anywhere."
    return f"{task(topic, turn)} {demand}", lambda text: _enough(text) and text == text.lower()


def capitals(topic: Topic, turn: int) -> tuple[str, Check]:
    """Capitals only."""
    demand = f"Write at least {FEWEST} words, all in capital letters: no lower case letter anywhere."
    return f"{task(topic, turn)} {demand}", lambda text: _enough(text) and text == text.upper() != text.lower()


def capital_words(topic: Topic, turn: int) -> tuple[str, Check]:
    """One word in capitals, which is told, and all others as usual."""
    word = topic.related[turn % 3].upper()
    demand = f"Write the word “{word}” in capital letters, as here, and no other word like that."

    def check(text: str) -> bool:
        shouted = [found for found in counting.words(text) if len(found) > 1 and found.isupper()]
        return bool(shouted) and set(shouted) == {word}

    return f"{task(topic, turn)} {demand}", check


def _enough(text: str) -> bool:
    return len(counting.words(text)) >= FEWEST
