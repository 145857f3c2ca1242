"""One job's blind reading: what a reader sees next, what was answered, and the tally."""

from __future__ import annotations

import secrets
import time
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase
from scriptorium.errors import Conflict, InvalidRequest
from services.api.blind_reading.answers import Answer, Answers, Choice
from services.api.blind_reading.order import Turn, plan_turns
from services.api.blind_reading.pairs import SAMPLES, Pair, choose_genuine, read_pairs
from services.api.blind_reading.tally import Tally, count_answers

NAME = 40  # characters of a reader's name

Letter = Literal["A", "B", "cannot_tell"]


@dataclass(frozen=True)
class Question:
    """The `number`-th of a reader's pairs without names; `closer` and `better` are what the reader said."""

    number: int
    passage: int
    genuine: str
    a: str
    b: str
    closer: Letter | None = None
    better: Letter | None = None


class Reading:
    """The pairs of a published evaluation and the answers beside it."""

    def __init__(self, volume: Volume, job_id: str) -> None:
        """Raise Conflict where the job has no report yet, or one without passages."""
        published = volume.published(job_id, Phase.EVALUATE)
        if published is None:
            raise Conflict(
                f"{job_id} has no report yet, so there is nothing to read.",
                next_step="Come back when it has succeeded.",
            )
        self.job_id = job_id
        self.title = str(published["request"]["title"])
        self._pairs = read_pairs(volume.folder(job_id, Phase.EVALUATE) / SAMPLES)
        if not self._pairs:
            raise Conflict(f"The report of {job_id} has no passages of both models to compare.")
        self._answers = Answers(volume.readings(job_id))

    @cached_property
    def _by_passage(self) -> dict[int, Pair]:
        return {pair.passage: pair for pair in self._pairs}

    def known_as(self, name: str) -> str:
        """The name under which a reader began, whatever its capitals now."""
        return next((known for known in self._readers() if known.casefold() == name.casefold()), name)

    def turns(self, reader: str) -> list[Turn]:
        """The reader's pairs in order."""
        return plan_turns(self._answers.seed(), reader, list(self._by_passage))

    def answered(self, reader: str) -> int:
        """How many pairs a reader has answered."""
        return len(self._answers.of(reader))

    def question(self, reader: str, number: int | None = None) -> Question | None:
        """A reader's `number`-th pair, or the first without an answer; None where every one has its answer."""
        turns, given = self.turns(reader), self._answers.of(reader)
        waiting = [place for place, turn in enumerate(turns, 1) if turn.passage not in given]
        if not waiting:
            return None
        place = number if number and 1 <= number <= len(turns) else waiting[0]
        turn = turns[place - 1]
        pair = self._by_passage[turn.passage]
        a, b = (pair.tuned, pair.base) if turn.tuned_first else (pair.base, pair.tuned)
        said = given.get(turn.passage)
        return Question(
            number=place,
            passage=turn.passage,
            genuine=choose_genuine(self._pairs, pair),
            a=a,
            b=b,
            closer=letter(said.closer, said.first) if said else None,
            better=letter(said.better, said.first) if said else None,
        )

    def give(self, reader: str, passage: int, closer: Letter, better: Letter) -> None:
        """Keep an answer; it may be changed until the reader has answered everything and is told who wrote what.

        Raises InvalidRequest where the passage is none of the reader's, Conflict where another answer comes too late.
        """
        turn = next((turn for turn in self.turns(reader) if turn.passage == passage), None)
        if turn is None:
            raise InvalidRequest(f"Passage {passage} is none of this reader's.", param="passage")
        first: Literal["tuned", "base"] = "tuned" if turn.tuned_first else "base"
        said = Answer(
            reader=reader,
            passage=passage,
            created_at=int(time.time()),
            first=first,
            closer=choice(closer, first),
            better=choice(better, first),
        )
        if self.question(reader) is None and not said.repeats(self._answers.of(reader).get(passage)):
            raise Conflict("This reading is over; its answers stand.", param="reader")
        self._answers.add(said)

    def told(self, reader: str) -> list[Answer]:
        """A reader's answers in the order of the reading, for the end of it."""
        given = self._answers.of(reader)
        return [given[turn.passage] for turn in self.turns(reader) if turn.passage in given]

    def tally(self) -> Tally:
        """Everybody's answers, counted."""
        return count_answers(self._answers.all(), {reader: len(self.turns(reader)) for reader in self._readers()})

    def _readers(self) -> list[str]:
        return list(dict.fromkeys(answer.reader for answer in self._answers.all()))


def choice(said: Letter, first: Literal["tuned", "base"]) -> Choice:
    """The model that a letter stood for."""
    if said == "cannot_tell":
        return said
    return first if said == "A" else ("base" if first == "tuned" else "tuned")


def letter(chosen: Choice, first: Literal["tuned", "base"]) -> Letter:
    """The letter that a model stood under."""
    return chosen if chosen == "cannot_tell" else "A" if chosen == first else "B"


def clean_name(text: str) -> str:
    """A reader's name as it is kept; empty where nothing is left. Raises InvalidRequest where it is too long."""
    shown = "".join(
        " " if unicodedata.category(sign)[0] in "CZ" else sign for sign in unicodedata.normalize("NFC", text)
    )
    name = " ".join(shown.split())
    if len(name) > NAME:
        raise InvalidRequest(f"A name may have {NAME} characters.", param="reader")
    return name


def anonymous() -> str:
    """A name for a reader who gives none."""
    return f"reader-{secrets.token_hex(4)}"
