"""What preparation found, as lines of the job's log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from scriptorium.artifacts.dataset import REFERENCE, SPLITS
from scriptorium.contracts import Finding, Level, PrepareResult, TokenStatistics
from scriptorium.jobs.reporter import Reporter
from scriptorium.text.languages.language import read_language

SHOWN_FINDINGS = 5  # of each code that are logged one by one


def log_result(result: PrepareResult, reporter: Reporter) -> None:
    """Log the statistics of each split and the cleaning steps."""
    reporter.message(f"[DATA] {describe_statistics(result.splits['all'])}")
    for name in (*SPLITS, REFERENCE):
        if name in result.splits:
            reporter.message(f"[DATA] {name}: {describe_statistics(result.splits[name])}")
    if result.steps:
        steps = ", ".join(f"{step.name.replace('_', ' ')} {step.count:,}" for step in result.steps)
        reporter.message(f"[DATA] Cleaned: {steps}")
    if result.language:
        reporter.message(f"[DATA] Language: {read_language(result.language).name}")


def log_findings(findings: Sequence[Finding], reporter: Reporter) -> None:
    """Log the places of the first findings of each code."""
    by_code: dict[str, list[Finding]] = defaultdict(list)
    for finding in findings:
        by_code[finding.code].append(finding)
    for code, members in by_code.items():
        for finding in members[:SHOWN_FINDINGS]:
            reporter.message(f"[DATA] {finding.place}: {finding.message}", level=Level.WARN, code=code)
        if len(members) > SHOWN_FINDINGS:
            more = len(members) - SHOWN_FINDINGS
            reporter.message(f"[DATA] {more} more of {code}: see quality.json", level=Level.WARN, code=code)


def describe_statistics(statistics: TokenStatistics) -> str:
    """Describe the statistics in a line."""
    return (
        f"{statistics.examples:,} examples, avg {statistics.mean:,.0f} tokens, "
        f"range {statistics.minimum:,}-{statistics.maximum:,}"
    )
