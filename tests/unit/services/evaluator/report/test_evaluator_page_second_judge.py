"""The page shows the second judge beside T, its caveat near the verdict, and is silent without one."""

from __future__ import annotations

import pytest

from scriptorium.contracts.report.second_judge import JudgeAgreement, MixtureCheck, SecondJudge
from scriptorium.contracts.report.voice import Estimate, VoiceOutcome
from services.evaluator.report.headline import describe_second_judge
from services.evaluator.report.page import render_page
from tests.report_example import HOSTILE, make_pair, make_report, make_voice

T2 = Estimate(value=71.2, low=-4.4, high=92.0, lower_bound=3.0)


def make_judge(agreement: JudgeAgreement, **changes: object) -> SecondJudge:
    judge = SecondJudge(
        prompts=24, context_tokens=256, passage_tokens=200, gap=0.1, gap_bound=0.05, transfer=T2, agreement=agreement
    )
    return judge.model_copy(update=changes)


def render(judge: SecondJudge | None) -> str:
    voice = make_voice([50.0])
    report = make_report(voice=VoiceOutcome(verdict=voice.verdict, measured=voice))
    return render_page(report.model_copy(update={"second_judge": judge}), [make_pair()])


@pytest.mark.parametrize(
    ("agreement", "words"),
    [("agrees", "It agrees with T."), ("disagrees", "does not agree"), ("cannot_tell", "it says nothing about T")],
)
def test_both_judges_stand_beside_each_other(agreement: JudgeAgreement, words: str) -> None:
    page = render(make_judge(agreement, impostors=T2.model_copy(update={"value": 12.0})))
    assert words in page
    assert "<td>the second judge (T2)</td><td>71</td><td>−4 to 92</td>" in page
    assert "<td>the second judge (T2)</td><td>12</td>" in page
    assert "has not been measured yet" in page


def test_what_is_known_of_mixtures_is_said() -> None:
    page = render(make_judge("agrees", mixtures=MixtureCheck(deviation=7.4, date="2026-11-26")))
    assert "errs by up to 7 points (2026-11-26)" in page


def test_the_caveat_stands_before_the_details_and_is_escaped() -> None:
    page = render(make_judge("disagrees", caveat=HOSTILE))
    assert page.index("&lt;script&gt;") < page.index("What the voice is made of")
    assert "<script>" not in page


def test_without_a_second_judge_the_page_is_silent() -> None:
    assert "second judge" not in render(None).lower()


def test_the_line_of_the_log() -> None:
    line = "Second judge: T2 71 (95 % interval -4 to 92), agrees with T"
    assert describe_second_judge(make_judge("agrees")) == line
    assert "cannot tell" in describe_second_judge(make_judge("cannot_tell"))
