"""Every finding has a gate with a next step, and docs/data.md shows the same gates as the code."""

import re
from pathlib import Path

from services.data.checks.codes import GATES

FINDING_CODE = re.compile(r'(?:code=|finding\(\s*)"(\w+)"')


def test_the_gates_are_documented_as_they_are(project: Path) -> None:
    rows = [line for line in (project / "docs" / "data.md").read_text().splitlines() if line.startswith("| `")]
    listed = [row.replace("\\|", "|") for row in rows]
    assert listed == [
        f"| `{code}` | {gate.label} | {gate.looks_for} | {gate.next_step} |" for code, gate in GATES.items()
    ]


def test_every_finding_that_is_made_has_a_gate_and_every_gate_is_used(project: Path) -> None:
    files = [path for path in (project / "services" / "data").rglob("*.py") if path.name != "codes.py"]
    texts = [path.read_text() for path in files]
    assert {code for text in texts for code in FINDING_CODE.findall(text)} <= set(GATES)
    assert all(any(f'"{code}"' in text for text in texts) for code in GATES)


def test_every_gate_has_a_next_step() -> None:
    assert all(gate.looks_for.endswith(".") and gate.next_step.endswith((".", "?")) for gate in GATES.values())
