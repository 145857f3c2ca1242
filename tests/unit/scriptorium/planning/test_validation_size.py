"""A validation file is dev, and leaves the manuscript its own dev split for training."""

import json
from pathlib import Path

import pytest

from scriptorium.errors import InvalidValidationFile
from scriptorium.planning.manuscript_words import CountedFile, size_of_manuscript
from scriptorium.recipe import Recipe

RECIPE = Recipe.model_validate({"name": "r", "training": {"keep": 0}})
BOOK, OTHER = "It was a dark and stormy night. " * 20_000, "Rain fell, and nobody spoke. " * 3_000


def write(folder: Path, name: str, text: str) -> CountedFile:
    (folder / name).write_text(text)
    return CountedFile(folder / name, name)


def test_a_validation_file_is_dev_and_the_manuscript_trains_on_the_rest(tmp_path: Path) -> None:
    book, other = write(tmp_path, "book.txt", BOOK), write(tmp_path, "other.md", OTHER)
    alone, beside = size_of_manuscript(*book, RECIPE), size_of_manuscript(*book, RECIPE, other)
    split = RECIPE.data.split
    assert beside.rows / alone.rows == pytest.approx((1 - split.test) / (1 - split.dev - split.test), rel=0.03)
    assert beside.dev_rows / beside.rows == pytest.approx(15_000 / 140_000 / (1 - split.test), rel=0.1)
    assert beside.basis == "140,000 words of book.txt, dev: 15,000 words of other.md, not yet prepared"


@pytest.mark.parametrize("name", ["book.txt", "book.jsonl"])
def test_ready_rows_are_counted_in_rows(tmp_path: Path, name: str) -> None:
    row = json.dumps({"prompt": "Write.", "completion": "It was a dark and stormy night. " * 30})
    rows = "\n".join([row] * 100)
    book = write(tmp_path, name, BOOK if name.endswith("txt") else rows)
    dev = write(tmp_path, "dev.jsonl", "\n".join([row] * 17))
    size = size_of_manuscript(*book, RECIPE, dev)
    assert size.dev_rows == 17
    assert "dev: 17 rows of dev.jsonl" in size.basis
    assert size.rows > size_of_manuscript(*book, RECIPE).rows
    words = size_of_manuscript(*book, RECIPE, write(tmp_path, "dev.txt", OTHER))
    assert words.dev_rows > 5


def test_a_short_validation_file_has_a_passage_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    book = write(tmp_path, "book.txt", BOOK)
    assert size_of_manuscript(*book, RECIPE, write(tmp_path, "short.txt", "Rain fell.")).dev_rows == 1
    for name, text in (("empty.txt", ""), ("empty.jsonl", "\n"), ("picture.png", "x")):
        with pytest.raises(InvalidValidationFile) as caught:
            size_of_manuscript(*book, RECIPE, write(tmp_path, name, text))
        assert caught.value.param == "validation_file"
