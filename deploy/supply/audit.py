"""Known holes in what we depend on, by pip-audit: `python -m deploy.supply.audit`.

pip-audit ends well if the database knows none of the packages, as where only a mirror of the index can be reached. So
its answer is counted: the last line says how many packages were looked up at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scriptorium.local.environments import ENVS, PROJECT, Environment, build

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
LISTS = ("requirements.txt", "deploy/celery-exporter/requirements.txt")
SUPPLY = Environment("supply", ENVS / "supply", (REQUIREMENTS,), gib=0.1, hashed=True)


@dataclass(frozen=True)
class AuditOutcome:
    """How many packages there are, how many the database knows, and the holes in them."""

    packages: int
    audited: int
    holes: tuple[str, ...]

    def __str__(self) -> str:
        line = f"audit: packages={self.packages} audited={self.audited} holes={len(self.holes)}"
        return line if self.audited else f"audit: SKIPPED, NOTHING WAS AUDITED: no database answers\n{line}"


def count(report: dict[str, Any]) -> AuditOutcome:
    """Return the outcome of pip-audit's report in JSON."""
    packages = report["dependencies"]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'none'}"
        for package in packages
        for hole in package.get("vulns", ())
    ]
    return AuditOutcome(len(packages), sum("skip_reason" not in package for package in packages), tuple(holes))


def audit(requirements: Path) -> AuditOutcome:
    """Ask the database about a list; one that cannot be reached at all knows nothing."""
    program = str(SUPPLY.folder / "bin" / "pip-audit")
    line = [program, "--requirement", str(requirements), "--require-hashes", "--disable-pip", "--format", "json"]
    process = subprocess.run(
        [*line, "--progress-spinner", "off", "--timeout", "10"], capture_output=True, text=True, check=False
    )
    try:
        return count(json.loads(process.stdout))
    except ValueError:
        sys.stderr.write(process.stderr[-500:])
        return AuditOutcome(0, 0, ())


def main() -> int:
    """Audit each list; return 1 if there is a hole."""
    build(SUPPLY, gpu=False)
    outcomes = [audit(PROJECT / name) for name in LISTS]
    total = AuditOutcome(
        sum(outcome.packages for outcome in outcomes),
        sum(outcome.audited for outcome in outcomes),
        tuple(hole for outcome in outcomes for hole in outcome.holes),
    )
    sys.stdout.write("".join(f"{hole}\n" for hole in total.holes) + f"{total}\n")
    return int(bool(total.holes))


if __name__ == "__main__":
    sys.exit(main())
