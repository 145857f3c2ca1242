"""What a base has answered to plain requests: <cache>/<base>/answers.jsonl, an answer per line, whether good or not.

It only grows, by whole lines, so that several trainings may add to it at once and a killed one does no harm. Answers
are found by their request and how it was asked: a new version of the requests keeps what it has in common with the old
one, and answers are judged when they are read.

A program inside Axolotl's environment writes, the trainer reads. Standard library only.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scriptorium.artifacts.training_log import read_training_log

ANSWERS = "answers.jsonl"
TEMPLATE_FILES = ("chat_template.jinja", "tokenizer_config.json")  # the same weights answer another prompt differently


@dataclass(frozen=True)
class Asked:
    """A request as it was asked; `sample` tells apart the answers to a request that is asked several times."""

    request: str
    max_tokens: int
    temperature: float
    sample: int = 0

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> Asked:
        """Return how an order's request, or a line of the cache, was asked."""
        return cls(body["request"], body["max_tokens"], body["temperature"], body.get("sample", 0))


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
        answers.setdefault(Asked.of(line), BaseAnswer(line["text"], line["ended"]))
    return answers


def append_answer(path: Path, asked: Asked, answer: BaseAnswer) -> None:
    """Append an answer as a line, in one write; a line that a killed program left incomplete is ended before."""
    with path.open("ab+", buffering=0) as file:
        length = file.seek(0, os.SEEK_END)
        file.seek(max(0, length - 1))
        torn = file.read(1) not in (b"", b"\n")
        file.write(b"\n" * torn + json.dumps({**asdict(asked), **asdict(answer)}).encode() + b"\n")
