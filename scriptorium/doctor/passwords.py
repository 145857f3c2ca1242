"""The values without which the compose files do not start: passwords, and on a second machine its addresses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.doctor.check import Finding, Subject, ok, skipped, warn
from scriptorium.doctor.dotenv import value
from scriptorium.doctor.probe import Probe

LABEL = "compose values"
BASE = "deploy/compose/base.yaml"  # what the others extend
MADE = ("REDIS_PASSWORD", "GRAFANA_PASSWORD")  # by deploy/env.sh
WORKER = "WORKER_NAME"  # only compose.worker.yaml requires it
REQUIRED = re.compile(r"\$\{(\w+):?\?")


def check_passwords(subject: Subject) -> Iterator[Finding]:
    """Whether everything that the compose files require has a value."""
    texts = compose_files(subject.probe)
    if subject.container or not texts:
        yield skipped(LABEL, "are the host's" if subject.container else "no compose.yaml in this folder")
        return
    names = required("\n".join(texts))
    missing = [name for name in names if not value(subject.probe, name)]
    if missing:
        yield warn(LABEL, f"`docker compose up` needs {', '.join(missing)} in .env", make(names, missing))
    else:
        yield ok(LABEL, f"{', '.join(names) or 'none'} set")


def compose_files(probe: Probe) -> list[str]:
    """The texts of the files that COMPOSE_FILE names, and of what they extend."""
    names = (value(probe, "COMPOSE_FILE") or "compose.yaml").split(":")
    texts = [text for name in names if (text := probe.read(name)) is not None]
    return [*texts, probe.read(BASE) or ""] if texts else []


def required(compose: str) -> list[str]:
    """The names that a compose file refuses to do without, each once, in order; comments do not count."""
    lines = [line.partition(" #")[0] for line in compose.splitlines() if not line.lstrip().startswith("#")]
    return list(dict.fromkeys(REQUIRED.findall("\n".join(lines))))


def make(names: list[str], missing: list[str]) -> str:
    """Commands that set what is missing of the required names; a second machine's are all given by the first."""
    made = [] if WORKER in names else [name for name in missing if name in MADE]
    asked = [f"echo {name}=... >> .env   # see docs/operations.md" for name in missing if name not in made]
    return "\n".join([*(["sh deploy/env.sh   # adds what is missing to .env"] if made else []), *asked])
