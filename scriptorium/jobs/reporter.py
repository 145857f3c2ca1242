"""How a phase tells the world what it is doing, and learns that it should stop.

A plain function gets a `Reporter` and knows nothing of jobs, queues or stores. Here are the two that need neither:
`SilentReporter` for tests and `ConsoleReporter` for a phase run by hand. The one for jobs lives in
`scriptorium.jobs.runner`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Protocol

from scriptorium.contracts import Checkpoint, Decision, Level


class Reporter(Protocol):
    """What a phase may say while it works."""

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Tell a person something, in one line; `data` is for machines."""

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Report numbers of this moment: step, train_loss, learning_rate, tokens_per_second, eta_seconds, ..."""

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Keep numbers for the metrics without a line in the story, by the keys of `scriptorium.metrics.OF_A_JOB`."""

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """List a checkpoint that is whole on disk."""

    def ask(self, decision: Decision) -> str:
        """The answer to a question; raises DecisionNeeded where a person has to give it first.

        A phase is then run again from its beginning, so ask before what takes long.
        """

    def check(self) -> None:
        """Raise Stopped (Cancelled, Interrupted or LeaseLost) if the phase should stop; cheap, call it often."""


class SilentReporter:
    """Keeps what was said; never stops anything."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.numbers: list[dict[str, float | int | None]] = []
        self.remembered: dict[str, float] = {}
        self.checkpoints: list[Checkpoint] = []

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Keep the line."""
        self.messages.append(text)

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Keep the numbers."""
        self.numbers.append(data)

    def remember(self, numbers: Mapping[str, float]) -> None:
        """Keep the latest of each."""
        self.remembered |= numbers

    def checkpoint(self, checkpoint: Checkpoint) -> None:
        """Keep the checkpoint."""
        self.checkpoints.append(checkpoint)

    def ask(self, decision: Decision) -> str:
        """Go on."""
        self.messages.append(decision.question)
        return decision.options[0].name

    def check(self) -> None:
        """Never stop."""


class ConsoleReporter(SilentReporter):
    """Prints each line to standard error, for a phase run by hand."""

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        """Print the line."""
        print(text, file=sys.stderr, flush=True)

    def metrics(self, text: str, **data: float | int | None) -> None:
        """Print the line that goes with the numbers."""
        print(text, file=sys.stderr, flush=True)

    def ask(self, decision: Decision) -> str:
        """Print the question and go on: by hand nothing is lost by it, and there is nobody to wait for."""
        going = decision.options[0]
        print(f"{decision.question} {decision.reason}\nRecommended: {decision.recommended}. Going on: {going.meaning}.",
              file=sys.stderr, flush=True)  # fmt: skip
        return going.name
