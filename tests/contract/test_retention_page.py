"""docs/retention.md names every code and every kind of instruction."""

import re
from pathlib import Path

from scriptorium.instructions.catalogue import KINDS
from services.evaluator.retention import verdict


def test_the_page_names_every_code_and_every_kind(project: Path) -> None:
    page = (project / "docs" / "retention.md").read_text()
    codes = re.findall(r'code="(\w+)"', Path(verdict.__file__).read_text())
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == sorted(codes)
    assert [kind for kind in KINDS if f"| {kind} |" not in page] == []
