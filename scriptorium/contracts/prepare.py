"""Data preparation: its request, its findings and its result."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from scriptorium.contracts.base import Contract
from scriptorium.contracts.serve import Endpoint
from scriptorium.recipe import Chunking, Method, Mix, Prompt, Split


class PrepareRequest(Contract):
    """A manuscript and how to cut it; lengths are in the unit of `chunking`.

    `prompt` and `mix` choose the prompts of training passages; held-out passages always have briefs. Training would cut
    or drop a row of more than `sequence_len` tokens, so no prompt is made that long. The passages of `validation`,
    another manuscript, are dev, which then takes none of the first. Without a `brief_writer`, briefs are extracted.
    `rename` is the share of training rows whose names are replaced, `system` a message before each prompt. `impostors`
    is a folder or an uploaded .zip (`impostors_name`), with a file or folder per author. With the `method` dpo every
    row is a preference, with any other none.
    """

    manuscript: Path
    filename: str
    validation: Path | None = None
    validation_name: str = ""
    base: Path
    prompt: Prompt
    method: Method = "supervised"
    mix: Mix = {"brief": 1.0}
    brief_writer: Endpoint | None = None
    rename: float = 0.0
    system: str = ""
    sequence_len: int = 4096
    chunking: Chunking
    split: Split
    references: Path | None = None
    impostors: Path | None = None
    impostors_name: str = ""
    seed: int = 42


class TokenStatistics(Contract):
    """The lengths of the passages of a split, in tokens."""

    examples: int
    mean: float
    minimum: int
    maximum: int
    total: int


class Severity(StrEnum):
    """The effect of a finding on a job: it fails the job, asks a person, or is only reported."""

    SERIOUS = "serious"
    DEBATABLE = "debatable"
    NOTE = "note"


class Finding(Contract):
    """A fact about the data that a person should know: a code, its place, a message, and the next step."""

    code: str
    place: str
    message: str
    severity: Severity = Severity.NOTE
    next_step: str = ""


class Change(Contract):
    """One change made by cleaning: its place ("book.txt:12" is a file and a line), and the text before and after."""

    place: str
    before: str
    after: str = ""


class CleaningStep(Contract):
    """One kind of change made by cleaning, how often it was made, and the first few examples."""

    name: str
    meaning: str
    count: int
    examples: list[Change] = []


class PrepareResult(Contract):
    """The contents of the dataset folder, by split ("all", "train", "dev", "test", "reference")."""

    words: int
    chapters: int
    splits: dict[str, TokenStatistics]
    steps: list[CleaningStep] = []
    findings: list[Finding] = []
