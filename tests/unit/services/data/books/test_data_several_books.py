import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import QUALITY_PAGE, SPLITS, read_quality, read_rows
from scriptorium.contracts import Finding, PrepareRequest, PrepareResult, Severity
from scriptorium.errors import InvalidRecipe
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Split
from services.data.prepare import prepare_manuscript

Ask = Callable[..., PrepareRequest]
Prose = Callable[..., str]
BY_BOOK = Split(by="book", dev=0.25, test=0.25)


def prepare(request: PrepareRequest, folder: Path) -> PrepareResult:
    folder.mkdir()
    return prepare_manuscript(request, folder, SilentReporter())


def write_chapters(prose: Prose, seed: int, chapters: int = 4) -> str:
    return "\n\n".join(f"CHAPTER {number}\n\n{prose(8, seed=seed + number)}" for number in range(1, chapters + 1))


def write_works(prose: Prose, works: Path, books: int = 4) -> Path:
    """Write a folder of books, one chapter a file."""
    for book in range(books):
        folder = works / f"book_{'abcd'[book]}"
        folder.mkdir(parents=True)
        for number in range(1, 5):
            (folder / f"{number}.txt").write_text(prose(8, seed=100 * book + number))
    return works


def find_codes(result: PrepareResult) -> list[str]:
    """Return the codes of the findings; made-up prose has few openings of sentences."""
    return [finding.code for finding in result.findings if finding.code != "same_opening"]


def get_finding(result: PrepareResult, code: str) -> Finding:
    return next(finding for finding in result.findings if finding.code == code)


def test_the_book_of_a_passage_is_known(ask: Ask, prose: Prose, tmp_path: Path) -> None:
    result = prepare(ask(write_works(prose, tmp_path / "works"), "works"), tmp_path / "out")
    rows = [row for split in SPLITS for row in read_rows(tmp_path / "out" / f"{split}.jsonl")]
    names = ["Book a", "Book b", "Book c", "Book d"]
    assert {row.book for row in rows} == set(names)
    assert all(row.chapter.startswith(f"{row.book}: ") for row in rows)
    assert len({row.chapter for row in rows}) == 16
    assert "Book a: 1: Chapter 1" in {row.chapter for row in rows}
    assert [book.name for book in result.books] == names
    assert sum(book.words for book in result.books) == result.words
    assert {book.chapters for book in result.books} == {4}
    passages = sum(count for book in result.books for count in book.splits.values())
    assert passages == result.splits["all"].examples
    assert find_codes(result) == ["several_books"]
    assert result == read_quality(tmp_path / "out")
    page = (tmp_path / "out" / QUALITY_PAGE).read_text()
    assert all(text in page for text in ('<h2 id="books">', "Book a: 1: Chapter 1", "Whole chapters are held out"))


def test_a_single_book_is_as_before(ask: Ask, book: str, tmp_path: Path) -> None:
    result = prepare(ask(book), tmp_path / "out")
    rows = [row for split in SPLITS for row in read_rows(tmp_path / "out" / f"{split}.jsonl")]
    assert {(row.book, row.chapter.startswith("CHAPTER ")) for row in rows} == {("", True)}
    assert (result.books, result.findings) == ([], [])
    assert 'id="books"' not in (tmp_path / "out" / QUALITY_PAGE).read_text()


def test_whole_books_are_held_out_in_a_folder_and_in_a_zip(ask: Ask, prose: Prose, tmp_path: Path) -> None:
    works = write_works(prose, tmp_path / "works")
    with zipfile.ZipFile(tmp_path / "works.zip", "w") as archive:
        for path in works.rglob("*.txt"):
            archive.write(path, f"works/{path.relative_to(works)}")
    result = prepare(ask(works, "works", split=BY_BOOK), tmp_path / "out")
    prepare(ask(tmp_path / "works.zip", "works.zip", split=BY_BOOK), tmp_path / "zip")
    prepare(ask(works, "works", split=BY_BOOK), tmp_path / "again")
    sides = {split: {row.book for row in read_rows(tmp_path / "out" / f"{split}.jsonl")} for split in SPLITS}
    assert [len(sides[split]) for split in SPLITS] == [2, 1, 1]
    assert len(set.union(*sides.values())) == 4
    for path in (tmp_path / "out").rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(tmp_path / "out")).read_bytes()
    for split in SPLITS:
        assert (tmp_path / "zip" / f"{split}.jsonl").read_bytes() == (tmp_path / "out" / f"{split}.jsonl").read_bytes()
    assert find_codes(result) == ["several_books"]
    assert "Whole books are held out" in (tmp_path / "out" / QUALITY_PAGE).read_text()


def test_a_single_book_cannot_be_held_out(ask: Ask, book: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        prepare(ask(book, split=BY_BOOK), tmp_path / "out")
    assert (caught.value.code, caught.value.param) == ("invalid_recipe", "data.split.by")
    assert "has 1 book(s), and one to train on and one for the test are needed" in caught.value.message
    assert "data.split.by to chapter" in str(caught.value.next_step)


def test_the_same_book_twice_is_one_note(ask: Ask, prose: Prose, tmp_path: Path) -> None:
    works = write_works(prose, tmp_path / "works", books=3)
    copy = works / "copy"
    copy.mkdir()
    for path in (works / "book_a").iterdir():
        (copy / path.name).write_text(path.read_text())
    result = prepare(ask(works, "works"), tmp_path / "out")
    assert find_codes(result) == ["several_books", "book_repeated"]
    repeated = get_finding(result, "book_repeated")
    assert (repeated.place, repeated.severity) == ("Copy", Severity.NOTE)
    assert repeated.message == "shares 100% of its text with 'Book a', word for word; it trains once"


def test_two_editions_are_one_question(ask: Ask, prose: Prose, tmp_path: Path) -> None:
    works = write_works(prose, tmp_path / "works", books=3)
    edition = works / "second edition"
    edition.mkdir()
    for path in (works / "book_a").iterdir():
        (edition / path.name).write_text(f"{prose(1, seed=999)}\n\n{path.read_text().replace('lamp', 'candle')}")
    result = prepare(ask(works, "works"), tmp_path / "out")
    assert find_codes(result) == ["several_books", "book_edition"]
    edition_finding = get_finding(result, "book_edition")
    assert (edition_finding.place, edition_finding.severity) == ("Second edition", Severity.DEBATABLE)
    assert "with 'Book a': two editions" in edition_finding.message
    assert result.decision is not None
    assert result.decision.codes["book_edition"] == 1


def test_what_a_book_repeats_of_itself_stays_a_finding(ask: Ask, prose: Prose, tmp_path: Path) -> None:
    works = write_works(prose, tmp_path / "works", books=3)
    text = (works / "book_a" / "1.txt").read_text()
    (works / "book_a" / "9.txt").write_text(text)
    result = prepare(ask(works, "works"), tmp_path / "out")
    assert set(find_codes(result)) == {"several_books", "passage_repeated"}


def test_rows_may_name_their_book(ask: Ask, prose: Prose, tmp_path: Path) -> None:
    rows = [
        {
            "instruction": f"Write {number}.",
            "output": prose(2, seed=number),
            "chapter": "I",
            "book": f"Book {number % 4}",
        }
        for number in range(40)
    ]
    text = "\n".join(map(json.dumps, rows))
    result = prepare(ask(text, "rows.jsonl", split=BY_BOOK), tmp_path / "out")
    assert find_codes(result) == []
    assert [(book.name, book.words > 0) for book in result.books] == [(f"Book {number}", True) for number in range(4)]
    sides = [{row.book for row in read_rows(tmp_path / "out" / f"{split}.jsonl")} for split in SPLITS]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 4


def test_validation_leaves_the_books_to_train_and_test(ask: Ask, prose: Prose, tmp_path: Path) -> None:
    works = write_works(prose, tmp_path / "works", books=2)
    path = tmp_path / "second"
    path.write_text(write_chapters(prose, 5000))
    request = ask(works, "works", split=BY_BOOK, validation=path, validation_name="second.txt")
    prepare(request, tmp_path / "out")
    sides = [{row.book for row in read_rows(tmp_path / "out" / f"{split}.jsonl")} for split in SPLITS]
    assert (len(sides[0]), sides[1], len(sides[2])) == (1, {""}, 1)
