import zipfile

import pytest

from scriptorium.artifacts.dataset import IMPOSTORS, read_other_authors
from scriptorium.errors import Cancelled
from scriptorium.jobs.reporter import SilentReporter
from services.data.other_authors.impostors import (
    MIN_WORDS,
    WORKS_PER_AUTHOR,
    count_words,
    take_middle,
    take_stretches,
    write_impostors,
)
from services.data.prepare import prepare_manuscript

PARAGRAPHS = 100  # of about sixty words each


def collect(request, folder, manuscript=()):
    reporter = SilentReporter()
    findings = write_impostors(request, manuscript, folder, reporter)
    codes = {finding.place: finding.code for finding in findings}
    return read_other_authors(folder / IMPOSTORS), codes, reporter.messages


@pytest.fixture
def others(tmp_path, prose):
    folder = tmp_path / "others"
    (folder / "crane").mkdir(parents=True)
    for number in range(3):
        (folder / "crane" / f"{number}.txt").write_text(f"CHAPTER 1\n\n{prose(PARAGRAPHS, seed=100 + number)}")
    (folder / "twain.txt").write_text(prose(PARAGRAPHS, seed=110))
    (folder / "short.txt").write_text(prose(5, seed=120))
    (folder / "broken.txt").write_bytes(b"\0")
    (folder / ".hidden.txt").write_text("x")
    return folder


def test_a_file_or_folder_is_an_author(ask, others, tmp_path):
    authors, findings, messages = collect(ask("", impostors=others, impostors_name="others"), tmp_path)
    assert {author.author: len(author.works) for author in authors} == {"crane": 3, "twain": 1}
    assert "CHAPTER" not in authors[0].works[0]
    assert findings == {"short": "impostor_left_out", "broken.txt": "impostor_unreadable"}
    assert messages == ["[DATA] 2 comparison authors: crane, twain"]


def test_a_zip_is_the_same_with_a_folder_around_or_without(ask, others, tmp_path):
    (others / "broken.txt").unlink()
    for around in ("", "authors/"):
        path = tmp_path / "upload"
        with zipfile.ZipFile(path, "w") as archive:
            for file in others.rglob("*.txt"):
                archive.write(file, around + file.relative_to(others).as_posix())
        authors, findings, _ = collect(ask("", impostors=path, impostors_name="others.zip"), tmp_path)
        assert {author.author: len(author.works) for author in authors} == {"crane": 3, "twain": 1}
        assert findings == {"short": "impostor_left_out"}


def test_the_author_is_recognised_by_a_part_of_the_manuscript(ask, others, tmp_path):
    manuscript = (others / "crane" / "2.txt").read_text().split("\n\n")[1:6]
    authors, findings, _ = collect(ask("", impostors=others, impostors_name="others"), tmp_path, manuscript)
    assert [author.author for author in authors] == ["twain"]
    assert findings["crane"] == "impostor_left_out"


def test_the_author_is_recognised_by_name(ask, others, tmp_path):
    request = ask("", filename="Mark_Twain-roughing-it.txt", impostors=others, impostors_name="others")
    assert [author.author for author in collect(request, tmp_path)[0]] == ["crane"]


def test_without_a_folder_nothing_is_written(ask, tmp_path):
    assert write_impostors(ask(""), [], tmp_path, SilentReporter()) == []
    assert not (tmp_path / IMPOSTORS).exists()


def test_it_can_be_stopped(ask, others, tmp_path):
    class CancellingImpostors(SilentReporter):
        def check(self) -> None:
            raise Cancelled("now")

    with pytest.raises(Cancelled):
        write_impostors(ask("", impostors=others), [], tmp_path, CancellingImpostors())


def test_short_works_leave_their_share_to_long_ones():
    works = [["word " * 50] * 10, ["word " * 50] * 200, ["word " * 50] * 200]
    stretches = take_stretches(works, 9_000)
    assert [len(stretch.split()) for stretch in stretches] == [500, 4250, 4250]
    assert len(take_stretches([["word"]] * 30)) == WORKS_PER_AUTHOR
    assert take_stretches([[], []]) == []


def test_a_stretch_is_the_middle():
    work = [f"{number} " * 10 for number in range(100)]
    assert take_middle(work, 100) == work[45:55]
    assert take_middle(work, 5_000) == work
    assert take_middle([], 10) == []
    assert count_words(work) < MIN_WORDS


def test_a_dataset_has_its_impostors_beside_it(ask, book, others, tmp_path):
    folder = tmp_path / "dataset"
    folder.mkdir()
    (others / "me.txt").write_text(book)
    request = ask(book, impostors=others, impostors_name="others")
    result = prepare_manuscript(request, folder, SilentReporter())
    assert [author.author for author in read_other_authors(folder / IMPOSTORS)] == ["crane", "twain"]
    left_out = {finding.place: finding.next_step for finding in result.findings if finding.code == "impostor_left_out"}
    assert set(left_out) == {"me", "short"}
    assert all(left_out.values())


def test_words_that_no_spaces_part_are_counted() -> None:
    """A Chinese author has enough of them, and a stretch is no whole book."""
    work = ["塔立在岩石上，夜里经过的船都能看见它的灯。"] * 1000
    assert count_words(work) > 10_000
    (stretch,) = take_stretches([work], 1300)
    assert len(stretch.split("\n\n")) == pytest.approx(100, abs=10)
