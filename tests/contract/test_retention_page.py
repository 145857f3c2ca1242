"""docs/retention.md names every code, every kind of instruction, and the kinds that replayed requests resemble."""

import re
from pathlib import Path

import pytest

from scriptorium.instructions.catalogue import KINDS
from scriptorium.replay.kinds import REPLAY_KINDS, replayed_gate_kinds
from services.evaluator.retention import verdict


@pytest.fixture
def page(project: Path) -> str:
    return (project / "docs" / "retention.md").read_text()


def test_the_page_names_every_code_and_every_kind(page: str) -> None:
    codes = re.findall(r'code="(\w+)"', Path(verdict.__file__).read_text())
    assert sorted(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)) == sorted(codes)
    assert [kind for kind in KINDS if f"| {kind} |" not in page] == []


def test_the_page_names_the_kinds_that_are_resembled(page: str) -> None:
    listed = re.search(r"\(a test compares\): ([^.]+)\.", page)
    assert listed
    assert set(" ".join(listed[1].split()).split(", ")) == replayed_gate_kinds(REPLAY_KINDS)
