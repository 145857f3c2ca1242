"""What became of a manuscript, on one self-contained HTML page.

The template escapes everything, because books are not trusted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from scriptorium import __version__
from scriptorium.artifacts.dataset import EXAMPLES, QUALITY_PAGE, SPLITS
from scriptorium.contracts import CleaningStep, Finding, PrepareRequest, PrepareResult, Severity
from scriptorium.html.templates import page_templates
from services.data.checks.codes import GATES
from services.data.output.chapter_map import draw_map
from services.data.output.histogram import draw_histogram
from services.data.passage import Passage

SHOWN = 5  # findings of a kind
CHANGES = 3  # of a step
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")  # characters that HTML does not know
SEVERITIES = {
    Severity.SERIOUS: "Serious: training cannot begin",
    Severity.DEBATABLE: "Worth a look: you decide",
    Severity.NOTE: "Good to know",
}


@dataclass(frozen=True)
class Group:
    """Findings of one code: what was looked for, the first few, and what to do."""

    looked_for: str
    count: int
    first: list[Finding]
    next_step: str


def write_page(
    folder: Path,
    request: PrepareRequest,
    result: PrepareResult,
    *,
    order: Sequence[Passage],
    splits: Mapping[str, Sequence[Passage]],
    leaks: str,
) -> None:
    """Write the page beside a dataset; `order` is every passage as the book has them, `leaks` what was compared."""
    examples = folder / EXAMPLES
    shown = json.loads(examples.read_text(encoding="utf-8")) if examples.exists() else []
    page = render_page(request, result, order=order, splits=splits, leaks=leaks, examples=shown)
    (folder / QUALITY_PAGE).write_text(page, encoding="utf-8")


def render_page(
    request: PrepareRequest,
    result: PrepareResult,
    *,
    order: Sequence[Passage],
    splits: Mapping[str, Sequence[Passage]],
    leaks: str,
    examples: Sequence[object],
) -> str:
    """The whole page as HTML."""
    chunking = request.chunking
    lengths = [passage.length(chunking.unit) for name in SPLITS for passage in splits.get(name, ())]
    templates = page_templates(Path(__file__).parent, number=_number, plain=_plain, spoken=_spoken, words=_count_words)
    return templates.get_template("quality_page.html.j2").render(
        version=__version__,
        title=PurePosixPath(request.filename).stem,
        filename=request.filename,
        result=result,
        verdict=make_verdict(result),
        histogram=draw_histogram(lengths, chunking.minimum, chunking.maximum, chunking.unit) if lengths else None,
        unit=chunking.unit,
        map=draw_map([passage.chapter for passage in order], splits),
        steps=[(step, step.examples[:CHANGES]) for step in result.steps],
        removed=count_changes(result.steps),
        severities=group_findings(result.findings),
        leaks=leaks,
        examples=examples,
    )


def make_verdict(result: PrepareResult) -> str:
    """The first sentence: whether this can train, and how much there is to look at."""
    train, every = result.splits["train"], result.splits["all"]
    held = every.examples - train.examples
    kinds = len({finding.code for finding in result.findings if finding.severity is Severity.DEBATABLE})
    much = f"{_number(train.examples)} passages teach the voice, and {_number(held)} are kept aside to test it."
    if any(finding.severity is Severity.SERIOUS for finding in result.findings):
        return "This manuscript is not ready to train: something serious stands below."
    if kinds:
        return f"Ready to train, with {_number(kinds)} kind{'s' * (kinds > 1)} of thing to look at first. {much}"
    return f"Ready to train. {much}"


def count_changes(steps: Sequence[CleaningStep]) -> int:
    """How many changes cleaning made."""
    return sum(step.count for step in steps)


def group_findings(findings: Sequence[Finding]) -> list[tuple[str, str, list[Group]]]:
    """For each severity that there is: its name, its heading, and its findings by code, the most frequent first."""
    grouped = []
    for severity, heading in SEVERITIES.items():
        by_code: dict[str, list[Finding]] = {}
        for finding in findings:
            if finding.severity is severity:
                by_code.setdefault(finding.code, []).append(finding)
        if by_code:
            often = sorted(by_code.items(), key=lambda item: -len(item[1]))
            grouped.append((severity.value, heading, [make_group(code, held) for code, held in often]))
    return grouped


def make_group(code: str, findings: Sequence[Finding]) -> Group:
    """Findings of one code."""
    looked_for = GATES[code].looks_for if code in GATES else _spoken(code).capitalize()
    return Group(looked_for, len(findings), list(findings[:SHOWN]), findings[0].next_step)


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _plain(text: str) -> str:
    return CONTROL.sub("", text)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _count_words(text: str) -> int:
    return len(text.split())
