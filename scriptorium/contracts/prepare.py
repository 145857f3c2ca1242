"""Data preparation: what it is asked, what it found, and what it left."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from scriptorium.contracts.base import Contract
from scriptorium.contracts.serve import Endpoint
from scriptorium.recipe import Chunking, Mix, Prompt, Split


class PrepareRequest(Contract):
    """A manuscript and how to cut it; lengths are in the unit of `chunking`.

    `prompt` and `mix` say what asks for the training passages; held-out ones always have briefs. A training row of
    more than `sequence_len` tokens would be cut or left out, so no prompt is made that long. Without a `brief_writer`
    briefs are extracted. `impostors` is a folder or an uploaded .zip, by its name, with a file or folder per author.
    """

    manuscript: Path
    filename: str
    base: Path
    prompt: Prompt
    mix: Mix = {"brief": 1.0}
    brief_writer: Endpoint | None = None
    sequence_len: int = 4096
    chunking: Chunking
    split: Split
    references: Path | None = None
    impostors: Path | None = None
    impostors_name: str = ""
    seed: int = 42


class TokenStatistics(Contract):
    """How long the passages of a split are, in tokens."""

    examples: int
    mean: float
    minimum: int
    maximum: int
    total: int


class Severity(StrEnum):
    """What a finding does to a job: fails it, asks a person, or is only told."""

    SERIOUS = "serious"
    DEBATABLE = "debatable"
    NOTE = "note"


class Finding(Contract):
    """Something a person should know about the data: a code, where it is, what was seen, and what to do."""

    code: str
    place: str
    message: str
    severity: Severity = Severity.NOTE
    next_step: str = ""


class Change(Contract):
    """One thing that cleaning changed: where ("book.txt:12" is a file and its line), and the text before and after."""

    place: str
    before: str
    after: str = ""


class CleaningStep(Contract):
    """One kind of change that cleaning makes, how often it made it, and the first few examples."""

    name: str
    meaning: str
    count: int
    examples: list[Change] = []


class PrepareResult(Contract):
    """What the dataset folder holds, split by split ("all", "train", "dev", "test", "reference")."""

    words: int
    chapters: int
    splits: dict[str, TokenStatistics]
    steps: list[CleaningStep] = []
    findings: list[Finding] = []
