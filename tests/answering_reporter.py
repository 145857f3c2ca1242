"""A reporter that answers every question in one way, and remembers the questions."""

from __future__ import annotations

from scriptorium.contracts import Decision, DecisionKind
from scriptorium.contracts.base import Answerer
from scriptorium.jobs.reporter import SilentReporter


class AnsweringReporter(SilentReporter):
    """Gives one answer, on behalf of whoever `answerer` names."""

    def __init__(self, answer: str, answerer: Answerer = "person") -> None:
        super().__init__()
        self.answer = answer
        self.answerer = answerer
        self.questions: list[Decision] = []

    def ask(self, decision: Decision) -> str:
        self.questions.append(decision)
        return self.answer

    def answered_by(self, kind: DecisionKind) -> Answerer:
        assert kind is self.questions[-1].kind
        return self.answerer
