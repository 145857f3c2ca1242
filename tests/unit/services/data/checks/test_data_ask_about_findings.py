"""Debatable findings are asked about, and only they."""

import pytest

from scriptorium.contracts import Decision, Finding, Severity
from scriptorium.errors import InvalidTrainingFile
from scriptorium.jobs.reporter import SilentReporter
from services.data.checks.ask_about_findings import make_question, settle


class Answering(SilentReporter):
    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer
        self.asked: list[Decision] = []

    def ask(self, decision: Decision) -> str:
        self.asked.append(decision)
        return self.answer


def finding(severity: Severity, place: str = "Chapter 1, passage 1", code: str = "mojibake") -> Finding:
    return Finding(code=code, place=place, message="has signs", severity=severity, next_step="Export it again.")


def test_notes_and_a_clean_text_are_not_asked_about() -> None:
    report = Answering("stop")
    settle([finding(Severity.NOTE)], 100, report)
    settle([], 100, report)
    assert report.asked == []


def test_stopping_names_every_place_and_the_next_step() -> None:
    report = Answering("stop")
    doubtful = [finding(Severity.DEBATABLE), finding(Severity.DEBATABLE, "Chapter 2, passage 4")]
    with pytest.raises(InvalidTrainingFile) as refused:
        settle(doubtful, 100, report)
    assert [problem.place for problem in refused.value.problems] == ["Chapter 1, passage 1", "Chapter 2, passage 4"]
    assert refused.value.next_step == "Export it again."


def test_going_on_goes_on() -> None:
    report = Answering("go_on")
    settle([finding(Severity.DEBATABLE)], 100, report)
    assert len(report.asked) == 1


@pytest.mark.parametrize(("places", "recommended"), [(2, "go_on"), (3, "stop")])
def test_few_doubtful_passages_are_no_reason_to_stop(places: int, recommended: str) -> None:
    doubtful = [finding(Severity.DEBATABLE, f"passage {number}") for number in range(places)]
    assert make_question(doubtful, 100).recommended == recommended


def test_the_question_names_the_commonest_kinds() -> None:
    doubtful = [finding(Severity.DEBATABLE, code=f"code_{number}") for number in range(6)]
    asked = make_question([*doubtful, doubtful[3]], 1000)
    assert "code_3 (2)" in asked.reason
    assert "and 2 more kinds" in asked.reason
