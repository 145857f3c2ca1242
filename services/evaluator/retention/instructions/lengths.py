"""Instructions about how long an answer is, and into how many parts it falls."""

from __future__ import annotations

from services.evaluator.retention.instructions import counting
from services.evaluator.retention.instructions.instruction import Check
from services.evaluator.retention.instructions.topics import Topic, task

NUMBERS = {2: "two", 3: "three", 4: "four", 5: "five"}
FEWEST = 5  # words: a model that says nearly nothing does not keep within a limit, it has broken down


def words_at_most(topic: Topic, turn: int) -> tuple[str, Check]:
    """Few words."""
    most = (15, 20, 25)[turn % 3]
    demand = f"Use at least {FEWEST} and at most {most} words."
    return f"{task(topic, turn)} {demand}", lambda text: FEWEST <= len(counting.words(text)) <= most


def words_between(topic: Topic, turn: int) -> tuple[str, Check]:
    """A range of words."""
    low, high = ((20, 30), (25, 40), (30, 45))[turn % 3]
    demand = f"Your answer must have between {low} and {high} words."
    return f"{task(topic, turn)} {demand}", lambda text: low <= len(counting.words(text)) <= high


def sentences(topic: Topic, turn: int) -> tuple[str, Check]:
    """A number of sentences."""
    number = (2, 3, 4)[turn % 3]
    demand = f"Answer in exactly {NUMBERS[number]} short sentences."
    return f"{task(topic, turn)} {demand}", lambda text: len(counting.sentences(text)) == number


def paragraphs(topic: Topic, turn: int) -> tuple[str, Check]:
    """A number of paragraphs."""
    number = (2, 3)[turn % 2]
    demand = f"Write exactly {NUMBERS[number]} paragraphs of one sentence each, with a blank line between them."
    return f"{task(topic, turn)} {demand}", lambda text: len(counting.paragraphs(text)) == number


def lines(topic: Topic, turn: int) -> tuple[str, Check]:
    """A number of lines."""
    number = (4, 3, 5)[turn % 3]
    request = f"Write a poem about {topic.thing}. It must have exactly {NUMBERS[number]} lines and no title."
    return request, lambda text: len(counting.lines(text)) == number


def bullets(topic: Topic, turn: int) -> tuple[str, Check]:
    """A list with a number of bullets."""
    number = (3, 4, 5)[turn % 3]
    demand = f"Answer with exactly {NUMBERS[number]} short bullet points, each on a line that begins with “- ”."
    return f"{task(topic, turn)} {demand}", lambda text: counting.bullets(text) == number


def numbered(topic: Topic, turn: int) -> tuple[str, Check]:
    """A numbered list and nothing else."""
    number = (3, 4, 5)[turn % 3]
    demand = f"Answer with a numbered list of exactly {NUMBERS[number]} short lines and write nothing else."

    def check(text: str) -> bool:
        return counting.numbered(text) == len(counting.lines(text)) == number

    return f"{task(topic, turn)} {demand}", check
