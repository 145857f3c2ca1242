"""Data preparation: its request, its findings and its result."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from scriptorium.contracts.base import Answerer, Contract
from scriptorium.contracts.serve import Endpoint
from scriptorium.recipe import AUTO, TOLERATED_SHARE, Chunking, Method, Mix, Prompt, RemovalStep, Split


class PrepareRequest(Contract):
    """A manuscript and how to cut it; lengths are in the unit of `chunking`.

    `language` is the code of the book's language, or "auto".
    `prompt` and `mix` choose the prompts of training passages; held-out passages always have briefs. Training would cut
    or drop a row of more than `sequence_len` tokens, so no prompt is made that long. The passages of `validation`,
    another manuscript, are dev, which then takes none of the first. Without a `brief_writer`, briefs are extracted.
    `rename` is the share of training rows whose names are replaced, `system` a message before each prompt. `impostors`
    is a folder or an uploaded .zip (`impostors_name`), with a file or folder per author. With the `method` dpo every
    row is a preference, with any other none. The steps of `skip_cleaning` are not made, and with `keep_doubtful`
    nothing is left out that could be story. A recommended "go on" is taken if findings touch at most
    `tolerated_share` of the passages; `answered` says that the question about them has been asked before, and answered.
    """

    manuscript: Path
    filename: str
    validation: Path | None = None
    validation_name: str = ""
    base: Path
    language: str = AUTO
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
    skip_cleaning: tuple[RemovalStep, ...] = ()
    keep_doubtful: bool = False
    tolerated_share: float = TOLERATED_SHARE
    answered: bool = False
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


class FindingsDecision(Contract):
    """What was decided about debatable findings: their number by code, and the share of the passages that they touch.

    If `recommended` is to go on and the share is at most `tolerated`, nobody is `asked`. `answer` is None until there
    is one, and so is who gave it. If all of them are about passages that are `left_out`, nothing that trains has one.
    """

    codes: dict[str, int]
    share: float
    tolerated: float
    recommended: str
    asked: bool
    answer: str | None = None
    answered_by: Answerer | None = None
    left_out: bool = False

    @property
    def count(self) -> int:
        """The number of debatable findings."""
        return sum(self.codes.values())


class Change(Contract):
    """One change made by cleaning: its place ("book.txt:12" is a file and a line), and the text before and after."""

    place: str
    before: str
    after: str = ""


class CleaningStep(Contract):
    """One kind of change made by cleaning, how often it was made, how many words it left out, and its first examples.

    `doubtful_words` of them could be story; `doubtful` are the first such changes.
    """

    name: str
    meaning: str
    count: int
    words: int = 0
    examples: list[Change] = []
    doubtful_words: int = 0
    doubtful: list[Change] = []


class BookSummary(Contract):
    """One of several books: its name, its words and chapters, and its passages by split."""

    name: str
    words: int
    chapters: int
    splits: dict[str, int]


class PrepareResult(Contract):
    """The contents of the dataset folder, by split ("all", "train", "dev", "test", "reference").

    `title` is the manuscript's, `books` are those in it if there are several. `language` is the code of its language;
    "" for one that is not known. `words_in` are the words of the texts before cleaning, `words` those of the chapters.
    `letters_missing` are in no chapter though no step left them out: 0, or a fault of ours. `decision` is what was
    decided about debatable findings; None if there are none.
    """

    title: str = ""
    language: str = ""
    words_in: int = 0
    words: int
    letters_missing: int = 0
    chapters: int
    splits: dict[str, TokenStatistics]
    books: list[BookSummary] = []
    steps: list[CleaningStep] = []
    findings: list[Finding] = []
    decision: FindingsDecision | None = None
