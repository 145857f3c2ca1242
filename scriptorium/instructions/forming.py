"""Instructions about the form of an answer: JSON, given choices, brackets, separators, an order."""

from __future__ import annotations

import json
import re
from typing import Any

from scriptorium.instructions import counting
from scriptorium.instructions.dev_topics import DEV_TOPICS
from scriptorium.instructions.instruction import Check
from scriptorium.instructions.topics import TOPICS, Topic, opening_sentence

FENCE = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
KEYS = (("name", "use", "place"), ("title", "summary"), ("what", "where", "why"), ("noun", "adjective"))
QUESTIONS = (
    ("Can a person walk through {thing} made of smoke?", ("yes, easily", "not in this world", "only on Sundays")),
    ("Is {thing} something that one can eat?", ("surely not", "with pleasure", "nobody knows")),
    ("Has {thing} ever written a novel?", ("never yet", "more than one", "only in winter")),
)
PLACEHOLDER = re.compile(r"\[[^\[\]\n]*\w[^\[\]\n]*\]")
SIGNS = ("***", "=====", "~~~", "+++")
STARRED = re.compile(r"(?<!\*)\*[^*\s](?:[^*\n]*[^*\s])?\*(?!\*)")
ORDERS = ((2, 0, 3, 1), (3, 1, 0, 2), (1, 3, 2, 0))  # none of them is alphabetical, so that a copy is wrong
PART = re.compile(r"^\W*PART (\d)\b", re.MULTILINE)


def json_keys(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a JSON object with given keys; a code fence around it is allowed, because most models put one there."""
    keys = KEYS[turn % len(KEYS)]
    named = ", ".join(f'"{key}"' for key in keys)
    demand = f"Answer with one JSON object and nothing else. Its keys are {named}, and its values are short strings."

    def check(text: str) -> bool:
        body = parse_json(text)
        return isinstance(body, dict) and set(body) == set(keys) and all(isinstance(v, str) for v in body.values())

    return f"{opening_sentence(topic, turn)} {demand}", check


def choice(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for one of three given answers, and no more."""
    question, answers = QUESTIONS[turn % len(QUESTIONS)]
    listed = ", ".join(f"“{answer}”" for answer in answers)
    request = f"{question.format(thing=topic.thing)} Answer with one of these and write nothing else: {listed}."
    allowed = {answer.casefold() for answer in answers}
    return request, lambda text: text.strip(" \"'“”.,").casefold() in allowed


def placeholders(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for placeholders in square brackets."""
    number = (2, 3)[turn % 2]
    request = (
        f"Write a short invitation to {topic.thing} with at least {('two', 'three')[turn % 2]} placeholders "
        "in square brackets, such as [date]."
    )
    return request, lambda text: len(PLACEHOLDER.findall(text)) >= number


def two_answers(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for two different answers with a separator between them."""
    sign = SIGNS[turn % len(SIGNS)]
    demand = f"Give two different answers of one sentence each, with the sign {sign} between them and nowhere else."

    def check(text: str) -> bool:
        parts = [part.strip() for part in text.split(sign)]
        return len(parts) == 2 and parts[0] != parts[1] and all(counting.list_words(part) for part in parts)

    return f"{opening_sentence(topic, turn)} {demand}", check


def asterisks(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for words between single asterisks."""
    number = (2, 3)[turn % 2]
    demand = f"Put {('two', 'three')[turn % 2]} important words between single asterisks, *like* this."

    def check(text: str) -> bool:
        matches = STARRED.findall(text)
        return len(matches) == number and "*like*" not in matches

    return f"{opening_sentence(topic, turn)} {demand}", check


def parts(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for two parts, each with its heading."""
    demand = "Write one sentence under the heading PART 1 and one under the heading PART 2."
    return f"{opening_sentence(topic, turn)} {demand}", lambda text: PART.findall(text) == ["1", "2"]


def alphabetical_order(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for given words in alphabetical order."""
    ordered = sorted([*topic.related, topic.noun])
    shuffled = ", ".join(ordered[place] for place in ORDERS[turn % len(ORDERS)])
    request = f"Put these words in alphabetical order, on one line with commas between them: {shuffled}."
    return request, lambda text: [word.casefold() for word in counting.list_words(text)] == ordered


def copy(topic: Topic, turn: int) -> tuple[str, Check]:
    """Ask for a copy of a sentence, and no more."""
    topics = TOPICS if topic in TOPICS else DEV_TOPICS
    other = topics[(topics.index(topic) + 1 + turn) % len(topics)]
    sentence = f"Behind {topic.thing} there was {other.thing}, and nobody knew why."
    request = f"Copy this sentence word for word and write nothing else: {sentence}"
    return request, lambda text: text.strip("\"'“”") == sentence


def parse_json(text: str) -> Any:
    """Parse JSON, with or without a code fence; returns None if it is invalid."""
    fenced = FENCE.fullmatch(text)
    try:
        return json.loads(fenced.group(1) if fenced else text)
    except (ValueError, RecursionError):
        return None
