"""The values that the compose files need to start: passwords, and on a second machine its addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.doctor.check import CheckFinding, Subject, ok, skipped, warn
from scriptorium.doctor.dotenv import read_value
from scriptorium.doctor.probe import Probe

LABEL = "compose values"
BASE_FILE = "deploy/compose/base.yaml"  # the other files extend it
GENERATED = ("REDIS_PASSWORD", "GRAFANA_PASSWORD")  # by deploy/env.sh
WORKER = "WORKER_NAME"  # only compose.worker.yaml requires it
REQUIRED_VARIABLE = re.compile(r"\$\{(\w+):?\?")


def check_passwords(subject: Subject) -> Iterator[CheckFinding]:
    """Check that every variable that the compose files require has a value."""
    texts = read_compose_files(subject.probe)
    if subject.container or not texts:
        yield skipped(LABEL, "set on the host" if subject.container else "no compose.yaml in this folder")
        return
    names = required_variables("\n".join(texts))
    missing = [name for name in names if not read_value(subject.probe, name)]
    if missing:
        yield warn(LABEL, f"`docker compose up` needs {', '.join(missing)} in .env", missing_values_fix(names, missing))
    else:
        yield ok(LABEL, f"{', '.join(names) or 'none'} set")


def read_compose_files(probe: Probe) -> list[str]:
    """Return the texts of the files that COMPOSE_FILE names, and of the file they extend."""
    names = (read_value(probe, "COMPOSE_FILE") or "compose.yaml").split(":")
    texts = [text for name in names if (text := probe.read(name)) is not None]
    return [*texts, probe.read(BASE_FILE) or ""] if texts else []


def required_variables(compose: str) -> list[str]:
    """Return the variables that a compose file requires, each once, in order; comments do not count."""
    lines = [line.partition(" #")[0] for line in compose.splitlines() if not line.lstrip().startswith("#")]
    return list(dict.fromkeys(REQUIRED_VARIABLE.findall("\n".join(lines))))


def missing_values_fix(names: list[str], missing: list[str]) -> str:
    """Return commands that set the missing variables; a second machine gets all of its values from the first."""
    generated = [] if WORKER in names else [name for name in missing if name in GENERATED]
    commands = [f"echo {name}=... >> .env   # see docs/operations.md" for name in missing if name not in generated]
    return "\n".join([*(["sh deploy/env.sh   # adds what is missing to .env"] if generated else []), *commands])
