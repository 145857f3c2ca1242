"""Only debatable findings lead to a question."""

import pytest

from scriptorium.contracts import Decision, Finding, Severity
from scriptorium.errors import InvalidTrainingFile
from scriptorium.jobs.reporter import SilentReporter
from services.data.checks.ask_about_findings import ask_about_findings, make_question


class AnsweringReporter(SilentReporter):
    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer
        self.questions: list[Decision] = []

    def ask(self, decision: Decision) -> str:
        self.questions.append(decision)
        return self.answer


def finding(severity: Severity, place: str = "Chapter 1, passage 1", code: str = "mojibake") -> Finding:
    return Finding(code=code, place=place, message="has signs", severity=severity, next_step="Export it again.")


def test_notes_and_a_clean_text_need_no_question() -> None:
    reporter = AnsweringReporter("stop")
    ask_about_findings([finding(Severity.NOTE)], 100, reporter)
    ask_about_findings([], 100, reporter)
    assert reporter.questions == []


def test_stopping_names_every_place_and_the_next_step() -> None:
    reporter = AnsweringReporter("stop")
    debatable = [finding(Severity.DEBATABLE), finding(Severity.DEBATABLE, "Chapter 2, passage 4")]
    with pytest.raises(InvalidTrainingFile) as error:
        ask_about_findings(debatable, 100, reporter)
    assert [problem.place for problem in error.value.problems] == ["Chapter 1, passage 1", "Chapter 2, passage 4"]
    assert error.value.next_step == "Export it again."


def test_going_on_raises_nothing() -> None:
    reporter = AnsweringReporter("go_on")
    ask_about_findings([finding(Severity.DEBATABLE)], 100, reporter)
    assert len(reporter.questions) == 1


@pytest.mark.parametrize(("count", "recommended"), [(2, "go_on"), (3, "stop")])
def test_few_debatable_passages_are_no_reason_to_stop(count: int, recommended: str) -> None:
    debatable = [finding(Severity.DEBATABLE, f"passage {number}") for number in range(count)]
    assert make_question(debatable, 100).recommended == recommended


def test_the_question_names_the_most_frequent_kinds() -> None:
    debatable = [finding(Severity.DEBATABLE, code=f"code_{number}") for number in range(6)]
    question = make_question([*debatable, debatable[3]], 1000)
    assert "code_3 (2)" in question.reason
    assert "and 2 more kinds" in question.reason
