"""The reporter of a phase: takes its messages and metrics, and stops it if need be.

The function of a phase gets a `Reporter` and knows nothing of jobs, queues or stores. The two reporters here need none
of them: `SilentReporter` for tests and `ConsoleReporter` for a phase run by hand. The reporter of a job is in
`scriptorium.jobs.attempt`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol

from scriptorium.contracts import Checkpoint, Decision, DecisionKind, Level
from scriptorium.contracts.base import Answerer
from scriptorium.process.control_characters import clean


class Reporter(Protocol):
    """The protocol by which a phase reports its work."""

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Report something to a person, in one line; `data` is for machines."""

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Report current numbers: step, train_loss, learning_rate, tokens_per_second, eta_seconds, ..."""

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Set metrics without an event, by the keys of `scriptorium.metrics.JOB_METRICS`."""

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """List a checkpoint that is complete on disk."""

    def ask(self, decision: Decision) -> str:
        """Return the answer to a question; raises DecisionNeeded if a person has to give it first.

        The phase then runs again from its beginning, so ask before any long work. It comes to the same question and
        gets the answer; if the kind of question recurs, its request has the answer.
        """

    def answered_by(self, kind: DecisionKind) -> Answerer:
        """Return who gave the answer that `ask` returned to the latest question of a kind."""

    def check(self) -> None:
        """Raise Stopped (Cancelled, Interrupted, Paused, LeaseLost) if the phase should stop; cheap: call it often."""


class SilentReporter:
    """Records what is reported; never stops anything."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.numbers: list[dict[str, float | int | None]] = []
        self.remembered: dict[str, float] = {}
        self.checkpoints: list[Checkpoint] = []

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Record the line."""
        self.messages.append(text)

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Record the numbers."""
        self.numbers.append(data)

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Record the latest value of each metric."""
        self.remembered |= numbers

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Record the checkpoint."""
        self.checkpoints.append(checkpoint)

    def ask(self, decision: Decision) -> str:
        """Record the question and return the first option, which continues."""
        self.messages.append(decision.question)
        return decision.options[0].name

    def answered_by(self, kind: DecisionKind) -> Answerer:
        """Return that nobody gave it."""
        return "nobody"

    def check(self) -> None:
        """Never stop the phase."""


class ConsoleReporter(SilentReporter):
    """Prints each line to standard error, for a phase run by hand; titles in it come from manuscripts."""

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Print the line."""
        print_line(text)

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Print the line that belongs to the numbers."""
        print_line(text)

    def ask(self, decision: Decision) -> str:
        """Print the question and continue: by hand there is nobody to wait for, and nothing is lost."""
        first_option = decision.options[0]
        lines = f"{decision.question} {decision.reason}\nRecommended: {decision.recommended}. "
        print_line(f"{lines}Continuing: {first_option.meaning}.")
        return first_option.name


def print_line(text: str) -> None:
    """Print a text to standard error, without what a terminal would obey."""
    print(clean(text), file=sys.stderr, flush=True)
