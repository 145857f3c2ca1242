"""Instructions about the length of an answer, and the number of its parts."""

from __future__ import annotations

from scriptorium.instructions import counting
from scriptorium.instructions.instruction import Check
from scriptorium.instructions.topics import Topic, opening_sentence

NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
MIN_WORDS = 5  # a model that says next to nothing does not keep to a limit, it has broken down


def words_at_most(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a maximum of words."""
    most = (15, 20, 25)[turn % 3]
    demand = f"Use at least {MIN_WORDS} and at most {most} words."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: MIN_WORDS <= len(counting.list_words(text)) <= most


def words_between(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a range of words."""
    low, high = ((20, 30), (25, 40), (30, 45))[turn % 3]
    demand = f"Your answer must have between {low} and {high} words."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: low <= len(counting.list_words(text)) <= high


def sentences(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a number of sentences."""
    number = (2, 3, 4)[turn % 3]
    demand = f"Answer in exactly {NUMBERS[number]} short sentences."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: len(counting.split_sentences(text)) == number


def paragraphs(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a number of paragraphs."""
    number = (2, 3)[turn % 2]
    demand = f"Write exactly {NUMBERS[number]} paragraphs of one sentence each, with a blank line between them."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: len(counting.split_paragraphs(text)) == number


def lines(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a poem with a number of lines."""
    number = (4, 3, 5)[turn % 3]
    request = f"Write a poem about {topic.thing}. It must have exactly {NUMBERS[number]} lines and no title."
    return request, lambda text: len(counting.split_lines(text)) == number


def bullets(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a list with a number of bullets."""
    number = (3, 4, 5)[turn % 3]
    demand = f"Answer with exactly {NUMBERS[number]} short bullet points, each on a line that begins with “- ”."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: counting.count_bullets(text) == number


def numbered_list(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a numbered list and nothing else."""
    number = (3, 4, 5)[turn % 3]
    demand = f"Answer with a numbered list of exactly {NUMBERS[number]} short lines and write nothing else."

    def check(text: str) -> bool:
        return counting.count_numbered(text) == len(counting.split_lines(text)) == number

    return f"{opening_sentence(topic, turn)} {demand}", check
