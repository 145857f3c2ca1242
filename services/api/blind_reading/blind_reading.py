"""One job's blind reading: the next question of a reader, the answers so far, and the tally."""

from __future__ import annotations

import secrets
import time
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase
from scriptorium.contracts.report.document import SAMPLES
from scriptorium.errors import Conflict, InvalidRequest
from services.api.blind_reading.answers import Choice, ReaderAnswer, ReadingsFile
from services.api.blind_reading.order import Turn, plan_turns
from services.api.blind_reading.pairs import TextPair, choose_genuine, read_pairs
from services.api.blind_reading.tally import Tally, count_answers

MAX_NAME_LENGTH = 40  # of a reader's name, in characters

Letter = Literal["A", "B", "cannot_tell"]


@dataclass(frozen=True)
class Question:
    """The `number`-th of a reader's pairs, without names; `closer` and `better` are the reader's answers, if any."""

    number: int
    passage: int
    genuine: str
    a: str
    b: str
    closer: Letter | None = None
    better: Letter | None = None


class BlindReading:
    """The pairs of a published evaluation and the answers beside it."""

    def __init__(self, volume: Volume, job_id: str) -> None:
        """Raise Conflict if the job has no report yet, or one without passages."""
        published = volume.published(job_id, Phase.EVALUATE)
        if published is None:
            raise Conflict(
                f"{job_id} has no report yet, so there is nothing to read.",
                next_step="Come back when the job has succeeded.",
            )
        self.job_id = job_id
        self.title = str(published["request"]["title"])
        self._pairs = read_pairs(volume.folder(job_id, Phase.EVALUATE) / SAMPLES)
        if not self._pairs:
            raise Conflict(f"The report of {job_id} has no passages from both models to compare.")
        self._answers = ReadingsFile(volume.readings(job_id))

    @cached_property
    def _by_passage(self) -> dict[int, TextPair]:
        return {pair.passage: pair for pair in self._pairs}

    def match_name(self, name: str) -> str:
        """Return the name under which a reader began, whatever its capitals; a new reader's name as it is."""
        return next((known for known in self._readers() if known.casefold() == name.casefold()), name)

    def turns(self, reader: str) -> list[Turn]:
        """Return the reader's pairs in order."""
        return plan_turns(self._answers.seed(), reader, list(self._by_passage))

    def count_answered(self, reader: str) -> int:
        """Count the pairs that a reader has answered."""
        return len(self._answers.of_reader(reader))

    def question(self, reader: str, number: int | None = None) -> Question | None:
        """Return a reader's `number`-th pair, or the first without an answer; None if all are answered."""
        turns, answers = self.turns(reader), self._answers.of_reader(reader)
        open_numbers = [position for position, turn in enumerate(turns, 1) if turn.passage not in answers]
        if not open_numbers:
            return None
        position = number if number and 1 <= number <= len(turns) else open_numbers[0]
        turn = turns[position - 1]
        pair = self._by_passage[turn.passage]
        a, b = (pair.tuned, pair.base) if turn.tuned_first else (pair.base, pair.tuned)
        answer = answers.get(turn.passage)
        return Question(
            number=position,
            passage=turn.passage,
            genuine=choose_genuine(self._pairs, pair),
            a=a,
            b=b,
            closer=choice_to_letter(answer.closer, answer.first) if answer else None,
            better=choice_to_letter(answer.better, answer.first) if answer else None,
        )

    def answer(self, reader: str, passage: int, closer: Letter, better: Letter) -> None:
        """Store an answer; a reader may change it until all pairs are answered and it is shown who wrote what.

        Raises InvalidRequest if the passage is not among the reader's pairs, Conflict if a change comes too late.
        """
        turn = next((turn for turn in self.turns(reader) if turn.passage == passage), None)
        if turn is None:
            raise InvalidRequest(f"Passage {passage} is not one of this reader's pairs.", param="passage")
        first: Literal["tuned", "base"] = "tuned" if turn.tuned_first else "base"
        answer = ReaderAnswer(
            reader=reader,
            passage=passage,
            created_at=int(time.time()),
            first=first,
            closer=letter_to_choice(closer, first),
            better=letter_to_choice(better, first),
        )
        if self.question(reader) is None and not answer.repeats(self._answers.of_reader(reader).get(passage)):
            raise Conflict("This reading is over; its answers can no longer change.", param="reader")
        self._answers.add(answer)

    def list_answers(self, reader: str) -> list[ReaderAnswer]:
        """Return a reader's answers in the order of the reading."""
        answers = self._answers.of_reader(reader)
        return [answers[turn.passage] for turn in self.turns(reader) if turn.passage in answers]

    def tally(self) -> Tally:
        """Count the answers of all readers."""
        return count_answers(self._answers.all(), {reader: len(self.turns(reader)) for reader in self._readers()})

    def _readers(self) -> list[str]:
        return list(dict.fromkeys(answer.reader for answer in self._answers.all()))


def letter_to_choice(letter: Letter, first: Literal["tuned", "base"]) -> Choice:
    """Return the model that a letter stood for."""
    if letter == "cannot_tell":
        return letter
    return first if letter == "A" else ("base" if first == "tuned" else "tuned")


def choice_to_letter(choice: Choice, first: Literal["tuned", "base"]) -> Letter:
    """Return the letter that a model stood under."""
    return choice if choice == "cannot_tell" else "A" if choice == first else "B"


def clean_name(text: str) -> str:
    """Return a reader's name in the form that is stored, which may be empty; raise InvalidRequest if it is too long."""
    printable = "".join(
        " " if unicodedata.category(sign)[0] in "CZ" else sign for sign in unicodedata.normalize("NFC", text)
    )
    name = " ".join(printable.split())
    if len(name) > MAX_NAME_LENGTH:
        raise InvalidRequest(f"A name may have at most {MAX_NAME_LENGTH} characters.", param="reader")
    return name


def make_anonymous_name() -> str:
    """Make a name for a reader who gives none."""
    return f"reader-{secrets.token_hex(4)}"
