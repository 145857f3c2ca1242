"""The question about debatable findings, asked before any GPU time is spent on the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scriptorium.contracts import GO_ON_ANSWER, STOP_ANSWER, Decision, DecisionKind, Finding, Option, Severity
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.jobs.reporter import Reporter

OPTIONS = [
    Option(name=GO_ON_ANSWER, meaning="train on the text as it is"),
    Option(name=STOP_ANSWER, meaning="stop the job, correct the text and upload it again"),
]
HARMLESS_SHARE = 0.02  # of the passages; a model learns no bad habit from fewer
SHOWN_CODES = 4


def ask_about_findings(findings: Sequence[Finding], passages: int, reporter: Reporter) -> None:
    """Ask about debatable findings; raises InvalidTrainingFile if the answer is to stop, or what `ask` raises."""
    debatable = [finding for finding in findings if finding.severity is Severity.DEBATABLE]
    if debatable and reporter.ask(make_question(debatable, passages)) == STOP_ANSWER:
        problems = [Problem(finding.place, f"{finding.message} ({finding.code})") for finding in debatable]
        next_step = debatable[0].next_step or None
        raise InvalidTrainingFile("Training stopped by your decision.", problems=problems, next_step=next_step)


def make_question(debatable: Sequence[Finding], passages: int) -> Decision:
    """Make the question; it recommends to go on if few passages are affected."""
    codes = Counter(finding.code for finding in debatable)
    shown = ", ".join(f"{code} ({count})" for code, count in codes.most_common(SHOWN_CODES))
    more = f" and {len(codes) - SHOWN_CODES} more kinds" if len(codes) > SHOWN_CODES else ""
    few = len({finding.place for finding in debatable}) <= HARMLESS_SHARE * passages
    advice = "They are too few to matter." if few else "They are so many that a model would learn them."
    return Decision(
        kind=DecisionKind.DATA_QUALITY,
        question=f"Train in spite of {len(debatable)} debatable finding(s) about the text?",
        reason=f"Found: {shown}{more}. {advice} quality.json and the events above list the places.",
        options=OPTIONS,
        recommended=GO_ON_ANSWER if few else STOP_ANSWER,
    )
