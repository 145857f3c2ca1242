"""Every letter of a manuscript comes out in a chapter, or is in the log of what was removed.

For the novels in twelve languages, as `make bench-languages` writes them, and for French ones of `make bench-voice`.
"""

import lzma
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.cut_chapters import FOLDER, read_novel
from bench.layouts import LAYOUTS
from services.data.cleaning.clean import clean_book
from services.data.cleaning.steps import CleaningLog, StepName

TEXT_LAYOUTS = [name for name in LAYOUTS if name.endswith(".txt")]
FRENCH = FOLDER.with_name("fr")
JOINS = {StepName.TORN, StepName.WRAPPED_LINES, StepName.HYPHENS}  # they remove no letter, and quote what is around


def count_letters(texts: Iterable[str]) -> Counter[str]:
    return Counter(letter for text in texts for letter in text.lower() if letter.isalnum())


def find_unaccounted(text: str) -> tuple[Counter[str], Counter[str]]:
    """Return the letters that are neither in a chapter nor in the log, and those that came from nowhere."""
    log = CleaningLog(examples=None)
    chapters = clean_book(text, log)
    changes = [change for step in log.steps() if step.name not in JOINS for change in step.examples]
    before = count_letters([text, *(change.after for change in changes)])
    after = count_letters(
        [*(paragraph for chapter in chapters for paragraph in chapter.paragraphs), *(c.before for c in changes)]
    )
    return before - after, after - before


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.xz")), ids=lambda path: path.name[:2])
@pytest.mark.parametrize("layout", TEXT_LAYOUTS)
def test_every_letter_of_a_novel_is_accounted_for(path: Path, layout: str) -> None:
    assert find_unaccounted(LAYOUTS[layout](read_novel(path))) == (Counter(), Counter())


@pytest.mark.parametrize("author", ["flaubert", "sand", "verne"])
def test_every_letter_of_a_french_novel_is_accounted_for(author: str) -> None:
    text = lzma.decompress((FRENCH / f"{author}.txt.xz").read_bytes()).decode()
    assert find_unaccounted(text) == (Counter(), Counter())
