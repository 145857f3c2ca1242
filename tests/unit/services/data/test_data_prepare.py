import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import (
    CONTINUE_INSTRUCTION,
    QUALITY,
    QUALITY_PAGE,
    SPLITS,
    read_rows,
    write_lines,
    write_rows,
)
from scriptorium.contracts import PrepareRequest, PrepareResult
from scriptorium.errors import (
    Cancelled,
    InternalError,
    InvalidTrainingFile,
    InvalidValidationFile,
    TooFewExamples,
    UserError,
)
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


def write_second(prose: Callable[..., str], path: Path, seed: int = 50) -> Path:
    path.write_text("\n\n".join(f"CHAPTER {number}\n\n{prose(8, seed=seed + number)}" for number in range(1, 4)))
    return path


def test_a_validation_file_is_dev_and_the_manuscript_is_train_and_test(
    ask: Ask, book: str, prose: Callable[..., str], tmp_path: Path
) -> None:
    path = write_second(prose, tmp_path / "second")
    result, messages = prepare(ask(book, validation=path, validation_name="book.txt"), tmp_path / "out")
    splits = {name: read_rows(tmp_path / "out" / f"{name}.jsonl") for name in SPLITS}
    second, first = path.read_text(), book
    assert splits["dev"]
    assert all(row.passage.splitlines()[0] in second for row in splits["dev"])
    assert all(row.passage.splitlines()[0] in first for name in ("train", "test") for row in splits[name])
    assert {row.chapter for row in splits["dev"]} == {f"validation file book.txt: CHAPTER {n}" for n in (1, 2, 3)}
    assert len({row.chapter for name in ("train", "test") for row in splits[name]}) == 8
    assert "[DATA] " + str(len(splits["dev"])) + " chunks of the validation file book.txt are dev" in messages
    assert result.words == len(book.split()) - 16


def test_what_a_validation_file_shares_with_the_manuscript_does_not_train(
    ask: Ask, book: str, prose: Callable[..., str], tmp_path: Path
) -> None:
    path = write_second(prose, tmp_path / "second")
    shared = book.split("CHAPTER 3")[1].split("CHAPTER 4", maxsplit=1)[0]
    path.write_text(f"{path.read_text()}\n\nCHAPTER 9\n\n{shared}")
    prepare(ask(book, validation=path, validation_name="second.txt"), tmp_path / "out")
    trained = "\n\n".join(row.passage for row in read_rows(tmp_path / "out" / "train.jsonl"))
    assert shared.strip().split("\n\n")[4] not in trained


@pytest.mark.parametrize(("content", "name"), [(b"", "b.txt"), (b"\0", "b.bin"), (b"Too short to be cut.", "b.txt")])
def test_a_validation_file_that_is_none_is_named(
    ask: Ask, book: str, tmp_path: Path, content: bytes, name: str
) -> None:
    path = tmp_path / "second"
    path.write_bytes(content)
    with pytest.raises(InvalidValidationFile) as caught:
        prepare(ask(book, validation=path, validation_name=name), tmp_path / "out")
    assert (caught.value.code, caught.value.param) == ("invalid_validation_file", "validation_file")


def test_a_copy_of_the_manuscript_is_no_validation(ask: Ask, book: str, tmp_path: Path) -> None:
    path = tmp_path / "second"
    path.write_text(book)
    with pytest.raises(UserError) as caught:
        prepare(ask(book, validation=path, validation_name="copy.txt"), tmp_path / "out")
    assert caught.value.code in ("invalid_n_examples", "invalid_validation_file")


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
    with pytest.raises(
        TooFewExamples, match=r"gives [1-9] training example\(s\) beside \d+ that are held out; at least 10"
    ):
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
    assert {path.name for path in (tmp_path / "out").iterdir()} == {QUALITY, QUALITY_PAGE}  # why it failed


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
