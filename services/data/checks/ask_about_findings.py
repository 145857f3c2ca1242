"""What is debatable about a text is asked before any GPU time is spent on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scriptorium.contracts import Decision, DecisionKind, Finding, Option, Severity
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.jobs.reporter import Reporter

GO_ON, STOP = "go_on", "stop"
OPTIONS = [
    Option(name=GO_ON, meaning="train on the text as it is"),
    Option(name=STOP, meaning="end the job, mend the text and send it again"),
]
HARMLESS = 0.02  # share of the passages: below it, a model learns no bad habit from them
SHOWN = 4  # codes named in the question


def settle(findings: Sequence[Finding], passages: int, reporter: Reporter) -> None:
    """Ask about debatable findings; raises InvalidTrainingFile where the answer is to stop, or what `ask` raises."""
    doubtful = [finding for finding in findings if finding.severity is Severity.DEBATABLE]
    if doubtful and reporter.ask(make_question(doubtful, passages)) == STOP:
        problems = [Problem(finding.place, f"{finding.message} ({finding.code})") for finding in doubtful]
        raise InvalidTrainingFile("The text was sent back.", problems=problems, next_step=doubtful[0].next_step or None)


def make_question(doubtful: Sequence[Finding], passages: int) -> Decision:
    """The question: going on is recommended where few passages are concerned."""
    codes = Counter(finding.code for finding in doubtful)
    told = ", ".join(f"{code} ({count})" for code, count in codes.most_common(SHOWN))
    more = f" and {len(codes) - SHOWN} more kinds" if len(codes) > SHOWN else ""
    few = len({finding.place for finding in doubtful}) <= HARMLESS * passages
    advice = "They are few: training hardly sees them." if few else "They are many: a model would learn them."
    return Decision(
        kind=DecisionKind.DATA_QUALITY,
        question=f"Train although {len(doubtful)} thing(s) about the text are doubtful?",
        reason=f"Found: {told}{more}. {advice} quality.json and the events above have the places.",
        options=OPTIONS,
        recommended=GO_ON if few else STOP,
    )
