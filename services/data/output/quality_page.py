"""The quality page: what preparation did with a manuscript, on one self-contained HTML page.

The template escapes everything, because books are not trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium import __version__
from scriptorium.artifacts.dataset import EXAMPLES, QUALITY, QUALITY_PAGE, SPLITS
from scriptorium.artifacts.manifest import replace_file
from scriptorium.contracts import (
    STOP_ANSWER,
    Change,
    CleaningStep,
    Finding,
    FindingsDecision,
    PrepareRequest,
    PrepareResult,
    Severity,
)
from scriptorium.html.templates import page_templates
from scriptorium.text.titles import read_name
from services.data.checks.ask_about_findings import advise, describe_share
from services.data.checks.codes import GATES
from services.data.output.chapter_map import SPLIT_NAMES, draw_map
from services.data.output.histogram import draw_histogram
from services.data.passage import Passage
from services.data.readers.limits import MIN_EXAMPLES

SHOWN_FINDINGS = 5  # of each code
SHOWN_CHANGES = 3  # of each cleaning step
CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # HTML forbids them
SEVERITIES = {
    Severity.SERIOUS: "Serious: training cannot begin",
    Severity.DEBATABLE: "Debatable: you decide",
    Severity.NOTE: "For information",
}


@dataclass(frozen=True)
class FindingGroup:
    """The findings of one code: the fault in words, the first few findings, and what to do."""

    fault: str
    count: int
    first: list[Finding]
    next_step: str


def write_quality(
    folder: Path,
    request: PrepareRequest,
    result: PrepareResult,
    *,
    order: Sequence[Passage],
    splits: Mapping[str, Sequence[Passage]],
    leak_check: str,
) -> None:
    """Write the result and its page, each whole or not at all: people may read them while preparation goes on.

    `order` is every passage in the book's order, `leak_check` what was compared.
    """
    path = folder / EXAMPLES
    examples = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    page = render_page(request, result, order=order, splits=splits, leak_check=leak_check, examples=examples)
    replace_file(folder / QUALITY, result.model_dump_json(indent=2) + "\n")
    replace_file(folder / QUALITY_PAGE, page)


def render_page(
    request: PrepareRequest,
    result: PrepareResult,
    *,
    order: Sequence[Passage],
    splits: Mapping[str, Sequence[Passage]],
    leak_check: str,
    examples: Sequence[object],
) -> str:
    """Render the page as HTML."""
    chunking = request.chunking
    lengths = [passage.length(chunking.unit) for name in SPLITS for passage in splits.get(name, ())]
    templates = page_templates(
        Path(__file__).parent, number=_format_number, plain=_strip_control, readable=_readable, in_words=list_splits
    )
    return templates.get_template("quality_page.html.j2").render(
        version=__version__,
        title=result.title or read_name(request.filename),
        filename=request.filename,
        result=result,
        verdict=make_verdict(result),
        histogram=draw_histogram(lengths, chunking.minimum, chunking.maximum, chunking.unit) if lengths else None,
        unit=chunking.unit,
        map=draw_map([passage.chapter for passage in order], splits),
        steps=[(step, choose_examples(step)) for step in result.steps],
        doubtful_words=sum(step.doubtful_words for step in result.steps),
        kept_doubtful=request.keep_doubtful,
        changes=count_changes(result.steps),
        severities=group_findings_by_severity(result.findings),
        leak_check=leak_check,
        examples=examples,
        by_book=request.split.by == "book",
    )


def list_splits(passages: Mapping[str, int]) -> str:
    """List the splits of a book in plain words, with its passages in each."""
    return ", ".join(f"{SPLIT_NAMES[split]} {_format_number(count)}" for split, count in passages.items()) or "none"


def make_verdict(result: PrepareResult) -> str:
    """Write the first sentences: whether the manuscript can train, and what was or is to be decided about it."""
    training = result.splits["train"].examples
    held_out = result.splits["all"].examples - training
    if any(finding.severity is Severity.SERIOUS for finding in result.findings):
        return "This manuscript is not ready to train: see the serious findings below."
    if training < MIN_EXAMPLES:
        needed = f"at least {MIN_EXAMPLES} are needed"
        return f"This manuscript is not ready to train: it gives {training} passage(s) for training, and {needed}."
    sizes = f"{_format_number(training)} passages are for training and {_format_number(held_out)} are held out."
    if result.decision is None:
        return f"Ready to train. {sizes}"
    return f"{describe_decision(result.decision)} {sizes}"


def describe_decision(decision: FindingsDecision) -> str:
    """Say what is recommended about debatable findings, and what was decided."""
    findings = "A finding to review is" if decision.count == 1 else "Findings to review are"
    found = f"{findings} {describe_share(decision)}. {advise(decision)}"
    if decision.answer is None and decision.asked:
        stop = decision.recommended == STOP_ANSWER
        opening = "Better not train on this text as it is." if stop else "Ready to train, if you agree."
        return f"{opening} {found} The job waits for your decision."
    return f"{describe_answer(decision)} {found}"


def describe_answer(decision: FindingsDecision) -> str:
    """Say what was decided, and by whom."""
    stop = decision.recommended == STOP_ANSWER
    if not decision.asked:
        return "Ready to train."
    if decision.answer == STOP_ANSWER:
        by = "by the recipe, as recommended" if decision.answered_by == "policy" else "by decision"
        return f"Stopped {by}: this text does not train as it is."
    if decision.answered_by == "nobody":
        advice = "although the advice is to correct the text first" if stop else "as is the advice"
        return f"Ready to train: nobody could be asked, so preparation went on, {advice}."
    if decision.answered_by == "policy":
        return "Ready to train, as the recipe decides."
    if stop:
        return "It trains by decision, although the advice was to correct the text first."
    return "Ready to train, by decision."


def choose_examples(step: CleaningStep) -> list[Change]:
    """Return the first changes of a step, except those that are shown as doubtful."""
    return [change for change in step.examples if change not in step.doubtful][:SHOWN_CHANGES]


def count_changes(steps: Sequence[CleaningStep]) -> int:
    """Count the changes that cleaning made."""
    return sum(step.count for step in steps)


def group_findings_by_severity(findings: Sequence[Finding]) -> list[tuple[str, str, list[FindingGroup]]]:
    """Return the name, the heading and the groups of each severity that occurs; the most frequent codes come first."""
    grouped = []
    for severity, heading in SEVERITIES.items():
        by_code: dict[str, list[Finding]] = {}
        for finding in findings:
            if finding.severity is severity:
                by_code.setdefault(finding.code, []).append(finding)
        if by_code:
            groups = [make_group(code, members) for code, members in by_code.items()]
            grouped.append((severity.value, heading, sorted(groups, key=lambda group: -group.count)))
    return grouped


def make_group(code: str, findings: Sequence[Finding]) -> FindingGroup:
    """Make the group of the findings of one code."""
    fault = GATES[code].looks_for if code in GATES else _readable(code).capitalize()
    return FindingGroup(fault, len(findings), list(findings[:SHOWN_FINDINGS]), findings[0].next_step)


def _format_number(value: float) -> str:
    return f"{value:,.0f}"


def _strip_control(text: str) -> str:
    return CONTROL_CHARACTERS.sub("", text)


def _readable(name: str) -> str:
    return name.replace("_", " ")
