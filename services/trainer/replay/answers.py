"""The cache of a base's answers: <cache>/<base>/answers.jsonl, an answer per line, refused ones among them.

It only grows, by whole lines, so that several trainings may add to it at once and a killed one does no harm. Answers
are found by their request and how it was asked: a new version of the requests keeps what it has in common with the old
one, and answers are judged when they are read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from scriptorium.artifacts.training_log import read_training_log

ANSWERS = "answers.jsonl"
TEMPLATE_FILES = ("chat_template.jinja", "tokenizer_config.json")  # the same weights answer another prompt differently


@dataclass(frozen=True)
class Asked:
    """A request as it was asked."""

    request: str
    max_tokens: int
    temperature: float


@dataclass(frozen=True)
class BaseAnswer:
    """What a base answered; `ended` is False if it was cut off."""

    text: str
    ended: bool


def answers_path(cache: Path, base: Path, hashes: Mapping[str, str]) -> Path:
    """Return the file of a base's answers, named by the SHA-256 of its weights (`hashes`) and its chat template."""
    digest = hashlib.sha256(repr(sorted(hashes.items())).encode())
    for path in (base / name for name in TEMPLATE_FILES):
        digest.update(path.read_bytes() if path.exists() else b"")
    return cache / digest.hexdigest()[:16] / ANSWERS


def read_answers(path: Path) -> dict[Asked, BaseAnswer]:
    """Read what a base has answered; of a request that was answered twice the first answer."""
    answers: dict[Asked, BaseAnswer] = {}
    for line in read_training_log(path):
        asked = Asked(line["request"], line["max_tokens"], line["temperature"])
        answers.setdefault(asked, BaseAnswer(line["answer"], line["ended"]))
    return answers
