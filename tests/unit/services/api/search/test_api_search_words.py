"""What a word is found in: folded text, and records as they are stored, in JSON."""

from __future__ import annotations

import pytest

from scriptorium.contracts import Job
from scriptorium.recipe import Recipe
from services.api.search.search import escape, fold, has_words, read_searched

JOB = Job(
    id="ftjob-1", created_at=1, model="org/Tiny", training_file="file-1", validation_file="file-2",
    suffix='Émile "Straße"\\', metadata={"Series": "Les Rougon-Macquart"}, tags=["Second book"],
    recipe=Recipe(name="r"), hyperparameters={},
)  # fmt: skip
NAMES = {"file-1": "L'ŒUVRE.epub", "file-2": "nana.txt", "file-3": "other.txt"}


@pytest.mark.parametrize(
    "query",
    [
        "ftjob-1", "tiny", "emile", "ÉMILE", "e\u0301mile", "strasse", '"straße"\\', "series", "rougon", "SECOND book",
        "œuvre", "nana", "nana second emile",
    ],
)  # fmt: skip
def test_a_job_is_found_by_all_that_names_it(query: str) -> None:
    body = JOB.model_dump_json()
    words = fold(query).split()
    searched = read_searched(body)
    assert searched is not None
    assert has_words(searched.text(NAMES), words)
    assert all(escape(word) in fold(body) or any(word in fold(name) for name in NAMES.values()) for word in words)


@pytest.mark.parametrize("query", ["other", "training", "emile nowhere", "file-9", "learning_rate"])
def test_a_job_is_not_found_by_the_keys_of_its_record_or_by_others_files(query: str) -> None:
    searched = read_searched(JOB.model_dump_json())
    assert searched is not None
    assert not has_words(searched.text(NAMES), fold(query).split())


def test_a_broken_record_is_left_out() -> None:
    assert read_searched("{") is None
    assert read_searched('{"id": "ftjob-1"}') is None
