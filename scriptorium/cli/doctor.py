"""The output of `scriptorium doctor`: a line for each finding, then how to fix what is wrong."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scriptorium.doctor import CheckFinding, CheckStatus
from scriptorium.doctor.check import HOST, SERVICE_VARIABLE, SERVICES, Subject
from scriptorium.doctor.probe import Probe
from scriptorium.errors import InvalidRequest
from scriptorium.settings import Settings

COLOURS = {CheckStatus.OK: "green", CheckStatus.WARN: "yellow", CheckStatus.FAIL: "red", CheckStatus.SKIPPED: "dim"}


def find_subject(settings: Settings, service: str | None, *, docker: bool = False) -> Subject:
    """Return what to examine: the named service, else the one of this container, else the host.

    Raises InvalidRequest for an unknown service.
    """
    name = service or os.environ.get(SERVICE_VARIABLE) or HOST
    if name not in SERVICES:
        raise InvalidRequest(f"There is no service {name!r}; there are: {', '.join(SERVICES)}.", param="--service")
    return Subject(Probe(), settings, name, docker)


def print_findings(findings: Sequence[CheckFinding], out: Console) -> None:
    """Print the table, the fixes to copy, and the count as the last line."""
    table = Table("", "check", "result", box=None)
    for finding in findings:
        table.add_row(Text(finding.status, COLOURS[finding.status]), Text(finding.check), Text(finding.seen))
    out.print(table, soft_wrap=False)
    for finding in findings:
        if finding.fix:
            status = (str(finding.status), COLOURS[finding.status])
            out.print(Text.assemble("\n", status, f" {finding.check}: {finding.seen}"))
            for line in finding.fix.splitlines():
                out.print(Text(f"    {line}"))
    out.print(f"\n{count_by_status(findings)}")


def count_by_status(findings: Sequence[CheckFinding]) -> str:
    """Return the number of each: "14 ok, 1 warning, 0 failed, 3 skipped"."""
    counts = Counter(finding.status for finding in findings)
    plural = "" if counts[CheckStatus.WARN] == 1 else "s"
    return (
        f"{counts[CheckStatus.OK]} ok, {counts[CheckStatus.WARN]} warning{plural}, "
        f"{counts[CheckStatus.FAIL]} failed, {counts[CheckStatus.SKIPPED]} skipped"
    )
