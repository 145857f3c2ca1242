"""Only debatable findings lead to a question, and few of them to none."""

import pytest

from scriptorium.contracts import Finding, FindingsDecision, Severity
from scriptorium.errors import InvalidTrainingFile
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Recipe
from services.data.checks.ask_about_findings import (
    ask_about_findings,
    make_question,
    raise_if_stopped,
    weigh_findings,
)
from tests.answering_reporter import AnsweringReporter

PLACES = {f"passage {number}" for number in range(100)}


def finding(severity: Severity, place: str = "passage 1", code: str = "line_repeated") -> Finding:
    return Finding(code=code, place=place, message="has signs", severity=severity, next_step="Export it again.")


def debatable(count: int, code: str = "line_repeated") -> list[Finding]:
    return [finding(Severity.DEBATABLE, f"passage {number}", code) for number in range(count)]


def weigh(findings: list[Finding], tolerated: float = 0.02) -> FindingsDecision:
    weighed = weigh_findings(findings, PLACES, tolerated)
    assert weighed
    return weighed


def test_notes_and_a_clean_text_need_no_decision() -> None:
    assert weigh_findings([finding(Severity.NOTE)], PLACES, 0.02) is None
    assert weigh_findings([], PLACES, 0.02) is None


def test_stopping_names_every_place_and_the_next_step() -> None:
    findings = debatable(2)
    decision = ask_about_findings(weigh(findings), AnsweringReporter("stop"))
    with pytest.raises(InvalidTrainingFile) as error:
        raise_if_stopped(decision, findings)
    assert [problem.place for problem in error.value.problems] == ["passage 0", "passage 1"]
    assert error.value.next_step == "Export it again."
    assert (error.value.message, decision.answered_by) == ("Training stopped by your decision.", "person")


def test_a_recipe_that_stops_is_not_its_users_decision() -> None:
    decision = ask_about_findings(weigh(debatable(3)), AnsweringReporter("stop", "policy"))
    with pytest.raises(InvalidTrainingFile, match="data_quality: auto") as error:
        raise_if_stopped(decision, debatable(3))
    assert "your decision" not in error.value.message


def test_by_hand_nobody_answers() -> None:
    decision = ask_about_findings(weigh(debatable(3)), SilentReporter())
    assert (decision.answer, decision.answered_by) == ("go_on", "nobody")


def test_going_on_raises_nothing() -> None:
    reporter = AnsweringReporter("go_on")
    decision = ask_about_findings(weigh(debatable(1)), reporter)
    raise_if_stopped(decision, debatable(1))
    assert decision.answer == "go_on"
    assert len(reporter.questions) == 1


@pytest.mark.parametrize(
    ("count", "tolerated", "recommended", "asked"),
    [
        (2, 0.02, "go_on", False),
        (3, 0.02, "stop", True),
        (1, 0.0, "go_on", True),
        (5, 0.05, "go_on", False),
        (6, 0.05, "stop", True),
    ],
)
def test_a_share_of_the_passages_is_tolerated(count: int, tolerated: float, recommended: str, asked: bool) -> None:
    weighed = weigh(debatable(count), tolerated)
    assert (weighed.share, weighed.recommended, weighed.asked) == (count / 100, recommended, asked)
    question = make_question(weighed)
    assert (question.recommended, question.harmless, question.page) == (recommended, not asked, "quality")


def test_one_refrain_in_162000_words_needs_no_answer() -> None:
    places = {f"passage {number}" for number in range(162_000 // 1_500)}  # the longest passages of the default recipe
    weighed = weigh_findings(debatable(1), places, Recipe(name="r").decisions.tolerated_share)
    assert weighed
    assert (weighed.recommended, weighed.asked) == ("go_on", False)


def test_several_findings_in_a_passage_touch_it_once() -> None:
    assert weigh([*debatable(1), *debatable(1, "low_variety")]).share == 0.01


def test_a_finding_about_the_whole_manuscript_is_never_few() -> None:
    weighed = weigh([finding(Severity.DEBATABLE, "book.txt", "tiny_vocabulary")], 0.5)
    assert (weighed.share, weighed.recommended, weighed.asked) == (1.0, "stop", True)
    assert "in the manuscript as a whole" in make_question(weighed).reason


@pytest.mark.parametrize(
    ("tolerated", "recommended", "asked", "advice"),
    [
        (0.02, "stop", True, "None of them trains: they are left out. If they should train, correct the text first."),
        (0.3, "go_on", False, "They are too few to matter: up to 30 % are tolerated."),
    ],
)
def test_rows_that_are_left_out_are_a_share_and_not_learned(
    tolerated: float, recommended: str, asked: bool, advice: str
) -> None:
    left_out = {f"row {number}" for number in range(25)}
    findings = [finding(Severity.DEBATABLE, place, "row_too_long") for place in left_out]
    weighed = weigh_findings(findings, PLACES, tolerated, left_out)
    assert weighed
    assert (weighed.share, weighed.recommended, weighed.asked, weighed.left_out) == (0.2, recommended, asked, True)
    assert make_question(weighed).reason == f"Found: row_too_long (25), in 20 % of the passages. {advice}"
    weighed = weigh_findings([*findings, *debatable(1)], PLACES, tolerated, left_out)
    assert weighed
    assert (weighed.share, weighed.left_out) == (26 / 125, False)


@pytest.mark.parametrize("code", ["email_address", "phone_number"])
def test_what_is_personal_needs_an_answer_however_rare(code: str) -> None:
    weighed = weigh(debatable(1, code))
    assert (weighed.recommended, weighed.asked) == ("go_on", True)
    assert "may repeat" in make_question(weighed).reason


def test_the_question_names_the_most_frequent_kinds_and_the_share() -> None:
    findings = [finding(Severity.DEBATABLE, code=f"code_{number}") for number in range(6)]
    reason = make_question(weigh([*findings, findings[3]])).reason
    assert reason.startswith("Found: code_3 (2), ")
    assert "and 2 more kinds, in 1 % of the passages. They are too few to matter: up to 2 % are tolerated." in reason


@pytest.mark.parametrize(
    ("count", "passages", "tolerated", "advice"),
    [
        (1, 49, 0.02, "It touches more than 2 % of so short a text: a model may learn it."),
        (2, 60, 0.02, "They touch more than 2 % of so short a text: a model may learn them."),
        (9, 60, 0.02, "They are so many that a model would learn them."),
        (1, 1, 0.02, "A model would learn it."),
        (1, 99, 0.001, "It is too little to matter, but more than the 0.1 % that the recipe tolerates."),
        (1, 99, 0.02, "It is too little to matter: up to 2 % are tolerated."),
        (2, 99, 0.03, "They are too few to matter: up to 3 % are tolerated."),
    ],
)
def test_one_finding_is_not_many(count: int, passages: int, tolerated: float, advice: str) -> None:
    weighed = weigh_findings(debatable(count), {f"passage {number}" for number in range(passages)}, tolerated)
    assert weighed
    assert make_question(weighed).reason.endswith(f". {advice}")
