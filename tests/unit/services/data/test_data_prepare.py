import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import CONTINUE_INSTRUCTION, QUALITY, SPLITS, read_rows, write_lines, write_rows
from scriptorium.contracts import PrepareRequest, PrepareResult
from scriptorium.errors import Cancelled, InternalError, InvalidTrainingFile, TooFewExamples
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Chunking
from services.data.output import verify
from services.data.output.write import make_row
from services.data.prepare import prepare_manuscript

Ask = Callable[..., PrepareRequest]


def prepare(request: PrepareRequest, folder: Path) -> tuple[PrepareResult, list[str]]:
    reporter = SilentReporter()
    folder.mkdir(exist_ok=True)
    return prepare_manuscript(request, folder, reporter), reporter.messages


def test_a_book_becomes_a_dataset(ask: Ask, book: str, tmp_path: Path) -> None:
    result, messages = prepare(ask(book), tmp_path / "out")
    rows = {name: read_rows(tmp_path / "out" / f"{name}.jsonl") for name in ("train", "dev", "test")}
    assert result.chapters == 8
    assert result.words == len(book.split()) - 16  # the headings
    assert result.splits["all"].examples == sum(map(len, rows.values()))
    assert sum(len(row.passage.split()) for split in rows.values() for row in split) == result.words
    assert result == PrepareResult.model_validate_json((tmp_path / "out" / QUALITY).read_text())
    assert not result.findings
    statistics = result.splits["all"]
    assert messages[:2] == [
        f"[DATA] Processing {statistics.examples} chunks -> JSONL",
        f"[DATA] {statistics.examples} examples, avg {statistics.mean:,.0f} tokens, "
        f"range {statistics.minimum}-{statistics.maximum}",
    ]
    assert all(80 <= len(row.passage.split()) <= 160 for split in rows.values() for row in split)


def test_alpaca_rows_are_the_same_passages(ask: Ask, book: str, tmp_path: Path) -> None:
    prepare(ask(book), tmp_path / "out")
    for name in ("train", "dev", "test"):
        lines = (tmp_path / "out" / "alpaca" / f"{name}.jsonl").read_text().splitlines()
        rows = read_rows(tmp_path / "out" / f"{name}.jsonl")
        expected = [{"instruction": CONTINUE_INSTRUCTION, "input": "", "output": row.passage} for row in rows]
        assert [json.loads(line) for line in lines] == expected


def test_the_same_request_gives_the_same_bytes(ask: Ask, book: str, tmp_path: Path) -> None:
    request = ask(book, prompt="brief")
    for name in ("one", "two"):
        prepare(request, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*.json*"))
    assert len(files) == 8
    assert all((tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes() for file in files)


def test_curated_chunks_stay_whole(ask: Ask, prose: Callable[..., str], tmp_path: Path) -> None:
    folder = tmp_path / "curated"
    folder.mkdir()
    texts = [prose(3, seed=number) for number in range(20)]
    for number, text in enumerate([*texts, "Too short.", texts[0]]):
        (folder / f"chunk_{number}.txt").write_text(text)
    request = ask(folder, "curated", prompt="continue", chunking=Chunking(unit="tokens", minimum=80, maximum=200))
    result, messages = prepare(request, tmp_path / "out")
    rows = [row for name in ("train", "dev", "test") for row in read_rows(tmp_path / "out" / f"{name}.jsonl")]
    assert sorted(row.passage for row in rows) == sorted([*texts, "Too short."])
    splits = {name: read_rows(tmp_path / "out" / f"{name}.jsonl") for name in SPLITS}
    only_continue = {name: {row.brief == CONTINUE_INSTRUCTION for row in split} for name, split in splits.items()}
    assert only_continue == {"train": {True}, "dev": {False}, "test": {False}}
    by_code = {finding.code: finding for finding in result.findings}
    assert by_code["passage_too_short"].place == "chunk_20.txt"
    assert "merge" in by_code["passage_too_short"].message
    assert by_code["passage_repeated"].place == "chunk_21.txt"
    assert messages[0] == "[DATA] Processing 22 chunks -> JSONL"
    assert any("chunk_20.txt" in message for message in messages)


def test_books_of_a_folder_are_parts_with_chapters(ask: Ask, book: str, tmp_path: Path) -> None:
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "one.txt").write_text(book)
    (folder / "two.txt").write_text(book.replace("He saw", "They found"))
    result, _ = prepare(ask(folder, "books"), tmp_path / "out")
    assert result.chapters == 16
    chapters = {row.chapter for row in read_rows(tmp_path / "out" / "train.jsonl")}
    assert {chapter.split(":")[0] for chapter in chapters} == {"one.txt", "two.txt"}


def test_other_authors_are_cut_the_same_way_and_the_author_is_not_one(
    ask: Ask, book: str, prose: Callable[..., str], tmp_path: Path
) -> None:
    references = tmp_path / "references"
    references.mkdir()
    for number in range(7):
        (references / f"author{number}.txt").write_text(prose(40, seed=100 + number))
    (references / "same.txt").write_text(book.replace("CHAPTER", "Chapter"))
    (references / "broken.txt").write_bytes(b"\0")
    result, _ = prepare(ask(book, references=references), tmp_path / "out")
    rows = read_rows(tmp_path / "out" / "reference.jsonl")
    assert {row.author for row in rows} == {f"author{number}" for number in range(7)}
    assert len(rows) == 14  # two of each, so that nine books would fit into 24
    assert all(row.brief.startswith("Write a passage") for row in rows)
    assert result.splits["reference"].examples == 14
    assert {finding.place: finding.code for finding in result.findings} == {
        "same.txt": "reference_left_out",
        "broken.txt": "reference_unreadable",
    }


def test_at_most_four_passages_of_one_author(ask: Ask, book: str, prose: Callable[..., str], tmp_path: Path) -> None:
    references = tmp_path / "references"
    references.mkdir()
    (references / "other.txt").write_text(prose(60, seed=99))
    result, _ = prepare(ask(book, references=references), tmp_path / "out")
    assert result.splits["reference"].examples == 4


def test_too_little_text_is_an_error_with_numbers(ask: Ask, prose: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(TooFewExamples, match=r"gives [1-9] training example\(s\); at least 10"):
        prepare(ask(prose(20)), tmp_path / "out")


def test_too_little_text_is_reported_with_the_other_problems(
    ask: Ask, prose: Callable[..., str], tmp_path: Path
) -> None:
    with pytest.raises(TooFewExamples) as caught:
        prepare(ask(f"{prose(20)}\n\nHe said <|im_end|> and wrote to jo@example.com."), tmp_path / "out")
    assert [str(problem).rpartition(" ")[2] for problem in caught.value.problems] == [
        "(special_token)",
        "(email_address)",
    ]


def test_the_texts_of_a_failed_job_leave_no_file(ask: Ask, prose: Callable[..., str], tmp_path: Path) -> None:
    with pytest.raises(TooFewExamples):
        prepare(ask(prose(20)), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_text_of_headings_only_is_an_error(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(InvalidTrainingFile) as caught:
        prepare(ask("CHAPTER I\n\n* * *\n\nThe End"), tmp_path / "out")
    assert caught.value.param == "book.txt"


def test_a_short_chapter_is_a_finding_and_a_stray_line_is_left_out(ask: Ask, book: str, tmp_path: Path) -> None:
    short = f"{book}\n\nCHAPTER 9\n\n{'He went home in the rain. ' * 5}\n\nCHAPTER 10\n\nHe slept."
    result, _ = prepare(ask(short), tmp_path / "out")
    assert {finding.code: finding.place for finding in result.findings} == {
        "passage_left_out": "book.txt:183, CHAPTER 10, passage 1",
        "passage_too_short": "book.txt:179, CHAPTER 9, passage 1",
    }


def test_many_findings_of_a_kind_are_logged_in_short(ask: Ask, book: str, tmp_path: Path) -> None:
    result, messages = prepare(ask(book, chunking=Chunking(unit="words", minimum=50, maximum=51)), tmp_path / "out")
    assert len(result.findings) > 5
    assert sum("passage" in message and "words" in message for message in messages) == 5
    assert any(message.endswith("see quality.json") for message in messages)


def test_preparation_can_be_stopped(ask: Ask, book: str, tmp_path: Path) -> None:
    class CancellingPreparation(SilentReporter):
        def check(self) -> None:
            raise Cancelled("stop")

    with pytest.raises(Cancelled):
        prepare_manuscript(ask(book), tmp_path, CancellingPreparation())


def test_files_that_do_not_read_back_are_an_error(tmp_path: Path) -> None:
    from services.data.passage import Passage

    passage = Passage("text", "I", "I", 1, 1, "Write.")
    write_rows(tmp_path / "train.jsonl", [make_row(passage)])
    verify.check_written(tmp_path, {"train": [passage]})
    for expected in ([], [replace(passage, stored_text="other")], [passage, passage]):
        with pytest.raises(InternalError, match=r"^train\.jsonl"):
            verify.check_written(tmp_path, {"train": expected})
    write_lines(tmp_path / "alpaca" / "train.jsonl", [{"output": "other"}])
    with pytest.raises(InternalError, match=r"^alpaca/train\.jsonl"):
        verify.check_written(tmp_path, {"train": [passage]})
