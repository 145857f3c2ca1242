from collections.abc import Callable
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import read_rows
from scriptorium.contracts import PrepareRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.recipe import Chunking
from services.data.checks.lengths import drop_overlong
from services.data.chunking.fit import fit_range, measure_room, passage_room
from services.data.passage import Passage
from services.data.prepare import prepare_manuscript

WORDS = Chunking(unit="words", minimum=350, maximum=480)


def test_a_recipe_s_words_become_tokens_and_are_lowered_as_a_whole() -> None:
    assert fit_range(WORDS, 2.0, 2000) == Chunking(unit="tokens", minimum=700, maximum=960)
    assert fit_range(WORDS, 2.5, 600) == Chunking(unit="tokens", minimum=437, maximum=600)
    assert fit_range(Chunking(minimum=700, maximum=2000), 2.5, 500) == Chunking(minimum=175, maximum=500)
    assert fit_range(WORDS, 2.5, 30) == Chunking(minimum=21, maximum=40)


def test_a_brief_in_a_language_of_long_words_leaves_less_room() -> None:
    assert (passage_room(1000, 1.3), passage_room(1000, 6.0), passage_room(200, 6.0)) == (840, 700, 100)


def test_the_system_message_takes_room(ask: Callable[..., PrepareRequest], base: Path) -> None:
    plain, asked = (
        measure_room(ask("x", system=system), chat_tokenizer(base)) for system in ("", "You are an author. ")
    )
    assert plain - asked == 4


@pytest.mark.parametrize("unit", ["words", "tokens"])
def test_chunking_cuts_what_training_would_refuse(
    tmp_path: Path, ask: Callable[..., PrepareRequest], book: str, unit: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    chunking = Chunking(unit=unit, minimum=350, maximum=480)
    request = ask(book, chunking=chunking, sequence_len=400, prompt="mixed")
    result = prepare_manuscript(request, out, SilentReporter())
    rows = [row for name in ("train", "dev", "test") for row in read_rows(out / f"{name}.jsonl")]
    tokens = [sum(len(message["content"].split()) for message in row.messages) for row in rows]
    assert max(tokens) <= 400
    assert sum(len(row.passage.split()) for row in rows) == result.words
    assert [finding.code for finding in result.findings if finding.code in ("cut_to_fit", "passage_too_short")] == [
        "cut_to_fit"
    ]


def test_what_fits_is_cut_as_the_recipe_says(tmp_path: Path, ask: Callable[..., PrepareRequest], book: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    result = prepare_manuscript(ask(book, sequence_len=1024), out, SilentReporter())
    assert not [finding for finding in result.findings if finding.code == "cut_to_fit"]


def test_a_curated_passage_that_does_not_fit_is_left_out_and_told(
    ask: Callable[..., PrepareRequest], base: Path
) -> None:
    passages = [
        Passage("word " * size, "I", f"chunk_{size}.txt", size, size, stored_prompt="Write it.") for size in (50, 500)
    ]
    kept, (finding,) = drop_overlong(passages, chat_tokenizer(base), ask("x", sequence_len=300))
    assert (kept, finding.code, finding.place) == (passages[:1], "row_too_long", "chunk_500.txt")
    request = ask("x", sequence_len=300, system="You are an author. " * 100)
    assert [finding.place for finding in drop_overlong(passages, chat_tokenizer(base), request)[1]] == [
        "chunk_50.txt",
        "chunk_500.txt",
    ]
