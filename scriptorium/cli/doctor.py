"""What `scriptorium doctor` prints: a line a finding, then how to mend what is not well."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from scriptorium.doctor import Finding, Status
from scriptorium.doctor.check import HOST, SERVICE, SERVICES, Subject
from scriptorium.doctor.probe import Probe
from scriptorium.errors import InvalidRequest
from scriptorium.settings import Settings

COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "red", Status.SKIPPED: "dim"}


def find_subject(settings: Settings, service: str | None) -> Subject:
    """What to examine: the service given, else the one whose container it is, else the host.

    Raises InvalidRequest for a service that there is not.
    """
    name = service or os.environ.get(SERVICE) or HOST
    if name not in SERVICES:
        raise InvalidRequest(f"There is no service {name!r}; there are: {', '.join(SERVICES)}.", param="--service")
    return Subject(Probe(), settings, name)


def print_findings(findings: Sequence[Finding], out: Console) -> None:
    """The table, the fixes as they can be copied, and the count as the last line."""
    table = Table("", "check", "seen", box=None)
    for finding in findings:
        table.add_row(f"[{COLOURS[finding.status]}]{finding.status}[/]", finding.check, escape(finding.seen))
    out.print(table, soft_wrap=False)
    for finding in findings:
        if finding.fix:
            colour = COLOURS[finding.status]
            out.print(f"\n[{colour}]{finding.status}[/] {finding.check}: {escape(finding.seen)}")
            for line in finding.fix.splitlines():
                out.print(f"    {escape(line)}")
    out.print(f"\n{count(findings)}")


def count(findings: Sequence[Finding]) -> str:
    """How many of each: "14 ok, 1 warning, 0 failed, 3 skipped"."""
    number = Counter(finding.status for finding in findings)
    plural = "" if number[Status.WARN] == 1 else "s"
    return (
        f"{number[Status.OK]} ok, {number[Status.WARN]} warning{plural}, "
        f"{number[Status.FAIL]} failed, {number[Status.SKIPPED]} skipped"
    )
