"""The question about debatable findings, asked before any GPU time is spent on the text.

Few findings need no answer: a share of the passages that the recipe tolerates. What may harm people needs one always.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

from scriptorium.contracts import (
    GO_ON_ANSWER,
    KEEP_ANSWER,
    STOP_ANSWER,
    Decision,
    DecisionKind,
    Finding,
    FindingsDecision,
    Option,
    Severity,
)
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import TOLERATED_SHARE
from scriptorium.text.shares import format_share
from services.data.checks.codes import GATES, MIN_PASSAGES
from services.data.checks.left_out import DOUBTFUL_REMOVAL

KEEP_OPTION = Option(
    name=KEEP_ANSWER, meaning="train on everything that cleaning left out and that could be story, too"
)
OPTIONS = [
    Option(name=GO_ON_ANSWER, meaning="train on the text as it is"),
    Option(name=STOP_ANSWER, meaning="stop the job, correct the text and upload it again"),
]
STOPPED_BY_POLICY = (
    "Training stopped: the recipe takes what is recommended (`decisions.data_quality: auto`), and that was to stop."
)
SHOWN_CODES = 4
PAGE = "quality"  # the job's page that shows every finding with its place


def weigh_findings(
    findings: Sequence[Finding], places: Collection[str], tolerated: float, left_out: Collection[str] = ()
) -> FindingsDecision | None:
    """Weigh the debatable findings of a manuscript; None if there are none.

    `places` are those of its passages, `left_out` those of passages that do not train. A finding at another place is
    about the whole manuscript. It is recommended to go on if few passages are touched; nobody is asked then, unless a
    finding may not be tolerated. Then what cleaning left out in doubt is kept: no word of a story is worth a guess.
    """
    debatable = list_debatable(findings)
    if not debatable:
        return None
    touched = {finding.place for finding in debatable if finding.code != DOUBTFUL_REMOVAL}
    passages = set(places)
    share = len(touched) / max(1, len(passages | touched)) if touched <= passages.union(left_out) else 1.0
    codes = Counter(finding.code for finding in debatable)
    tolerable = all(GATES[code].tolerable for code in codes if code in GATES)
    return FindingsDecision(
        codes=dict(codes.most_common()),
        share=share,
        tolerated=tolerated,
        recommended=recommend(codes, few=share <= max(TOLERATED_SHARE, tolerated)),
        asked=not tolerable or share > tolerated,
        left_out=bool(touched) and touched <= set(left_out),
    )


def recommend(codes: Collection[str], *, few: bool) -> str:
    """Return the answer to recommend about findings of these codes; `few` says that few passages are touched."""
    go_on = KEEP_ANSWER if DOUBTFUL_REMOVAL in codes else GO_ON_ANSWER
    return go_on if few else STOP_ANSWER


def ask_about_findings(weighed: FindingsDecision, reporter: Reporter) -> FindingsDecision:
    """Return the decision with its answer and who gave it; raises what `ask` raises."""
    question = make_question(weighed)
    answer = reporter.ask(question)
    return weighed.model_copy(update={"answer": answer, "answered_by": reporter.answered_by(question.kind)})


def raise_if_stopped(decision: FindingsDecision, findings: Sequence[Finding]) -> None:
    """Raise InvalidTrainingFile, with the place of every debatable finding, if the answer was to stop."""
    if decision.answer == STOP_ANSWER:
        debatable = list_debatable(findings)
        problems = [Problem(finding.place, f"{finding.message} ({finding.code})") for finding in debatable]
        next_step = debatable[0].next_step or None
        policy = decision.answered_by == "policy"
        message = STOPPED_BY_POLICY if policy else "Training stopped by your decision."
        raise InvalidTrainingFile(message, problems=problems, next_step=next_step)


def make_question(weighed: FindingsDecision) -> Decision:
    """Make the question about debatable findings."""
    return Decision(
        kind=DecisionKind.DATA_QUALITY,
        question=f"Train in spite of {weighed.count} debatable finding(s) about the text?",
        reason=f"Found: {list_codes(weighed)}, {describe_share(weighed)}. {advise(weighed)}",
        options=[KEEP_OPTION, *OPTIONS] if DOUBTFUL_REMOVAL in weighed.codes else OPTIONS,
        recommended=weighed.recommended,
        harmless=not weighed.asked,
        page=PAGE,
    )


def list_codes(weighed: FindingsDecision) -> str:
    """List the most frequent kinds of finding with their numbers."""
    shown = ", ".join(f"{code} ({count})" for code, count in list(weighed.codes.items())[:SHOWN_CODES])
    more = len(weighed.codes) - SHOWN_CODES
    return f"{shown} and {more} more kinds" if more > 0 else shown


def describe_share(weighed: FindingsDecision) -> str:
    """Say how much of the manuscript the findings touch."""
    if not weighed.share:
        return "in what cleaning left out"
    return "in the manuscript as a whole" if weighed.share >= 1 else f"in {format_share(weighed.share)} of the passages"


def advise(weighed: FindingsDecision) -> str:
    """Say what the number and the share of the findings mean."""
    one = weighed.count == 1
    few = "It is too little" if one else "They are too few"
    if weighed.left_out and weighed.asked:
        return "None of them trains: they are left out. If they should train, correct the text first."
    if weighed.recommended == STOP_ANSWER:
        return describe_habit(weighed)
    if weighed.recommended == KEEP_ANSWER:
        return "Keep it if it is the author's text; a title page or a notice does not train otherwise."
    if weighed.share > weighed.tolerated:
        return f"{few} to matter, but more than the {format_share(weighed.tolerated)} that the recipe tolerates."
    if weighed.asked:
        return f"{'There is one alone' if one else 'They are few'}, but a model may repeat what is personal to anyone."
    return f"{few} to matter: up to {format_share(weighed.tolerated)} are tolerated."


def describe_habit(weighed: FindingsDecision) -> str:
    """Say why a model would learn from the findings: they are many, or the text is short."""
    if weighed.count >= MIN_PASSAGES:
        return "They are so many that a model would learn them."
    touch, them = ("It touches", "it") if weighed.count == 1 else ("They touch", "them")
    if weighed.share >= 1:
        return f"A model would learn {them}."
    limit = format_share(max(TOLERATED_SHARE, weighed.tolerated))
    return f"{touch} more than {limit} of so short a text: a model may learn {them}."


def list_debatable(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings that a person may judge otherwise."""
    return [finding for finding in findings if finding.severity is Severity.DEBATABLE]
