"""A manuscript read from bytes, and the words of a made-up book, each of which occurs once."""

from __future__ import annotations

import random
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from services.data.readers import Manuscript, read_manuscript

COUNTED_WORDS = re.compile(r"\((?P<words>[\d,]+) words?\)")


def read_bytes(raw: bytes | str, filename: str) -> Manuscript:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
        return read_manuscript(path, filename)


def count_left_out(manuscript: Manuscript) -> int:
    messages = [finding.message for finding in manuscript.findings if finding.code == "markup_left_out"]
    return sum(int(match["words"].replace(",", "")) for text in messages for match in COUNTED_WORDS.finditer(text))


@pytest.fixture(scope="session")
def read() -> Callable[[bytes | str, str], Manuscript]:
    """Read a file of a name from its content."""
    return read_bytes


@pytest.fixture(scope="session")
def words_left_out() -> Callable[[Manuscript], int]:
    """Count the words that findings say were left out."""
    return count_left_out


def make_texts(seed: int, number: int) -> list[str]:
    generator = random.Random(seed)  # noqa: S311  # no secret
    sizes = [generator.randrange(1, 60) for _ in range(number)]
    return [" ".join(f"w{place}y{index}" for index in range(size)) for place, size in enumerate(sizes)]


@pytest.fixture(scope="session")
def unique_texts() -> Callable[[int, int], list[str]]:
    """Make texts of up to sixty words by a seed; no word occurs twice."""
    return make_texts
