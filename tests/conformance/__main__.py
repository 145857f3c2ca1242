"""Run the cases with the unmodified client in each version: `make conformance`, or `python -m tests.conformance`.

Its last line is `conformance: <passed>/<cases> x <versions>`. A case has passed if it did so with the newest client and
failed with none: the oldest one lacks a few of the calls.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

from scriptorium.local.environments import PROJECT
from tests.conformance.api import live_api
from tests.conformance.environments import CLIENTS, install
from tests.conformance.fault_proxy import faulty_network
from tests.conformance.worker import PlayedWorker
from tests.integration.standins import serving

TIME_LIMIT = 900  # seconds, of all cases with one version


@dataclass
class ClientOutcome:
    """What the cases gave with one version of the client, by their names."""

    version: str = "?"
    passed: set[str] = field(default_factory=set)
    failures: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def read(self, line: str) -> None:
        """Take in one line of the child's output."""
        entry: dict[str, Any] = json.loads(line)
        if "version" in entry:
            self.version = entry["version"]
        elif "missing" in entry:
            self.missing[entry["case"]] = entry["missing"]
        elif "failure" in entry:
            self.failures[entry["case"]] = entry["failure"]
        else:
            self.passed.add(entry["case"])


def main(names: list[str]) -> int:
    """Run the cases, or only those whose names contain one of `names`; return 0 if all passed with every version."""
    outcomes = [run_cases(client, names) for client in CLIENTS]
    newest = outcomes[0]
    cases = set().union(*(outcome.passed | outcome.failures.keys() | outcome.missing.keys() for outcome in outcomes))
    failed = set().union(*(outcome.failures for outcome in outcomes))
    for outcome in outcomes:
        report(outcome)
    passed = newest.passed - failed
    write(f"conformance: {len(passed)}/{len(cases)} x {len(outcomes)}")
    return 0 if cases and passed == cases else 1


def run_cases(client: str, names: list[str]) -> ClientOutcome:
    """Run the cases as a child in the environment of one client, against an API of their own."""
    programs, outcome = install(client), ClientOutcome()
    with live_api() as (url, context), faulty_network(url) as faults, serving(PlayedWorker(context).app()) as worker:
        line = [str(programs / "python"), "-m", "tests.conformance.cases", url, faults, worker, *names]
        env = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "PYTHON"))}
        child = subprocess.run(
            line, cwd=PROJECT, env=env, stdout=subprocess.PIPE, text=True, timeout=TIME_LIMIT, check=False
        )
    for text in child.stdout.splitlines():
        outcome.read(text)
    if child.returncode:
        outcome.failures["the process of the cases"] = f"it ended with status {child.returncode}"
    return outcome


def report(outcome: ClientOutcome) -> None:
    """Print what the cases gave with one version."""
    count = len(outcome.passed) + len(outcome.failures)
    write(f"openai {outcome.version}: {len(outcome.passed)}/{count} passed")
    for case, reason in sorted(outcome.missing.items()):
        write(f"  not in this version: {case}: {reason}")
    for case, failure in sorted(outcome.failures.items()):
        write(f"  FAILED {case}\n    " + failure.replace("\n", "\n    "))


def write(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
