"""Test the live API against its own OpenAPI description with schemathesis: `python -m tests.conformance.schema`.

Examples, borders, random bodies (good and bad) and sequences of calls, with every check on. Its last line is
`schema: cases=<n> failures=<n>`.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from scriptorium.artifacts.file_store import FileStore
from scriptorium.jobs.runner import Context
from scriptorium.local.environments import PROJECT
from services.api.openapi.operations import OPERATIONS
from tests.conformance.api import live_api
from tests.conformance.environments import install
from tests.integration.blind import make_evaluated_job
from tests.integration.standins import TUNED

CONFIG = Path(__file__).with_name("schemathesis.toml")
TIME_LIMIT = 1800  # seconds; it takes three minutes of one core


def main(options: list[str]) -> int:
    """Run schemathesis with further options, if there are any; return 0 if nothing failed."""
    programs = install("schemathesis")
    with live_api() as (url, context), tempfile.TemporaryDirectory() as folder:
        make_examples_true(context)
        report = Path(os.environ.get("SCHEMA_REPORT", f"{folder}/report.json"))
        line = [programs / "schemathesis", "--config-file", CONFIG, "run", f"{url}/openapi.json"]
        line += ["--report", "json", "--report-json-path", report, *options]
        run = subprocess.run(
            list(map(str, line)), cwd=folder, stdout=subprocess.PIPE, text=True, timeout=TIME_LIMIT, check=False
        )
        outcome: dict[str, Any] = json.loads(report.read_text()) if report.exists() else {}
    cases, failures = count(outcome)
    if failures or run.returncode:
        sys.stdout.write(run.stdout.replace(str(PROJECT), "."))
    sys.stdout.write(f"schema: cases={cases} failures={failures}\n")
    return 0 if cases and not failures and run.returncode == 0 else 1


def make_examples_true(context: Context) -> None:
    """Put what is there into the examples, before they are described, so that they are more than not found."""
    files = FileStore(context.volume.files)
    names = {
        "POST /v1/fine_tuning/jobs": {"training_file": files.add(io.BytesIO(b"Once."), "book.txt", "fine-tune").id},
        "POST /v1/chat/completions": {"model": TUNED},
        "POST /v1/completions": {"model": TUNED},
    }
    for call, changes in names.items():
        example = OPERATIONS[call].example
        assert example, call
        example.update(changes)
    make_evaluated_job(context, "ftjob-7")


def count(outcome: dict[str, Any]) -> tuple[int, int]:
    """Return how many requests were sent, and how many kinds of failures and errors there were."""
    cases = outcome.get("test_cases", {"generated": 0, "unique_failures": 0})
    return cases["generated"], cases["unique_failures"] + len(outcome.get("errors", []))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
