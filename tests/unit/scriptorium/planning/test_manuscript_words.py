"""Words of manuscripts that were not prepared, of every kind, and of files that are made to hurt."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from scriptorium.archives import MAX_ENTRIES
from scriptorium.errors import InvalidTrainingFile
from scriptorium.planning import manuscript_words
from scriptorium.planning.manuscript_words import count_words, decode, size_of_manuscript
from scriptorium.recipe import Recipe
from tests.unit.services.data.readers.test_data_archive import HEADER, MIB, end_record, repeat_entry
from tests.unit.services.data.readers.test_data_read_more_formats import write_pdf

RECIPE = Recipe(name="r")
PROSE = "It was a dark and stormy night -- rain fell. " * 50


def archive(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "/").replace("_", "."), content)
    return buffer.getvalue()


HTML = f"<html><body class='a b c'><p>{PROSE}</p></body></html>".encode()
DOCX = archive(word__document_xml=f"<w:p>{PROSE}</w:p>".encode(), word__styles_xml=b"<a>not these words</a>")
RTF = rb"{\rtf1\ansi{\fonttbl{\f0 Not these;}}{\*\x not these}\pard " + PROSE.encode() + rb"\par}"
NOTES = {"Files__Data__A__notes_rtf": RTF, "Files__Data__A__synopsis_txt": b"not these"}
PDF = write_pdf([[(72, 700 - 14 * line, PROSE[:45]) for line in range(10)]] * 5)
EPUB = archive(text__one_xhtml=HTML, mimetype=b"application/epub+zip")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("book.txt", PROSE.encode()),
        ("BOOK.MD", PROSE.encode()),
        ("book.html", HTML),
        ("book.docx", DOCX),
        ("book.epub", EPUB),
        ("books.zip", archive(one_txt=PROSE.encode(), image_png=b"word word")),
        ("books.zip", archive(one_epub=EPUB)),
        ("book.odt", archive(content_xml=f"<p>{PROSE}</p>".encode(), styles_xml=b"<a>not these words</a>")),
        ("book.fb2", f"<p>{PROSE}</p><binary id='a'>AA BB</binary>".encode()),
        ("book.fbz", archive(book_fb2=HTML)),
        ("book.fb2.zip", archive(book_fb2=HTML)),
        ("book.fountain", PROSE.encode()),
        ("book.mkd", PROSE.encode()),
        ("book.rtf", RTF),
        ("book.pdf", PDF),
        ("books.zip", archive(one_pdf=PDF)),
        ("Sea.scriv.zip", archive(Sea_scrivx=b"<a>not these</a>", Files__Data__A__content_rtf=RTF, **NOTES)),
    ],
)
def test_every_kind_has_the_same_words(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(content)
    assert count_words(tmp_path / "content", name) == 9 * 50
    assert "450 words" in size_of_manuscript(tmp_path / "content", name, RECIPE).basis


def test_a_folder_is_counted_file_by_file(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"chunk_{number}.txt").write_text(PROSE)
    assert count_words(tmp_path, "book") == 3 * 9 * 50


def test_what_is_not_read_counts_like_what_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manuscript_words, "READ_BYTES", 900)
    (tmp_path / "book").write_text(PROSE)
    assert count_words(tmp_path / "book", "book.txt") == pytest.approx(450, rel=0.03)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("book.pdf", b"%PDF one two three"),
        ("book.docx", b"one two three"),
        ("book.txt", b""),
        ("book.zip", archive(one_zip=archive(two_txt=PROSE.encode()))),  # and so a .zip that holds itself ends
        ("rows.jsonl", b"\n\n"),
    ],
)
def test_what_cannot_be_counted_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(content)
    with pytest.raises(InvalidTrainingFile) as caught:
        size_of_manuscript(tmp_path / "content", name, RECIPE)
    assert caught.value.param == "training_file"


def test_ready_rows_are_rows(tmp_path: Path) -> None:
    row = json.dumps({"prompt": "Write a scene.", "completion": PROSE})
    (tmp_path / "rows").write_text(f"{row}\n" * 100)
    plain = RECIPE.model_copy(update={"training": RECIPE.training.model_copy(update={"keep": 0.0})})
    size = size_of_manuscript(tmp_path / "rows", "rows.jsonl", plain)
    assert size.rows == 70  # the recipe holds a third out
    assert size.mean_row == pytest.approx(600, rel=0.05)
    assert size.dev_rows == 10
    assert size_of_manuscript(tmp_path / "rows", "rows.jsonl", RECIPE).replay_rows > 10


def test_a_preference_is_as_long_as_one_of_its_answers(tmp_path: Path) -> None:
    row = json.dumps(
        {
            "input": {"messages": [{"role": "user", "content": "Write a scene."}]},
            "preferred_output": [{"role": "assistant", "content": PROSE}],
            "non_preferred_output": [{"role": "assistant", "content": PROSE.upper()}],
        }
    )
    (tmp_path / "rows").write_text(f"{row}\n" * 100)
    recipe = RECIPE.model_copy(update={"training": RECIPE.training.for_preferences()})
    size = size_of_manuscript(tmp_path / "rows", "rows.jsonl", recipe)
    assert (size.rows, size.replay_rows) == (70, 0)
    assert size.mean_row == pytest.approx(600, rel=0.05)


def test_a_long_prompt_of_a_preference_counts_once_and_whole(tmp_path: Path) -> None:
    answers = {f"{kind}preferred_output": [{"role": "assistant", "content": "rain " * 50}] for kind in ("", "non_")}
    prompt = {"messages": [{"role": "user", "content": "word " * 600}]}
    (tmp_path / "rows").write_text(f"{json.dumps({'input': prompt, **answers})}\n" * 100)
    recipe = RECIPE.model_copy(update={"training": RECIPE.training.for_preferences()})
    assert size_of_manuscript(tmp_path / "rows", "rows.jsonl", recipe).longest_row == pytest.approx(858, rel=0.05)


@pytest.mark.parametrize("words", [1, 500, 5_000])
def test_no_row_is_longer_than_all_rows(tmp_path: Path, words: int) -> None:
    (tmp_path / "book").write_text("rain " * words)
    lines = [json.dumps({"prompt": "Go on.", "completion": "rain " * count}) for count in (*[1] * 15, 4_000)]
    (tmp_path / "rows").write_text("\n".join(lines))
    for name in ("book.txt", "rows.jsonl"):
        size = size_of_manuscript(tmp_path / name.partition(".")[0], name, RECIPE)
        assert max(size.rows, size.longest_row, size.answer_tokens) <= size.tokens, name


@pytest.mark.parametrize(
    ("text", "encoding", "words"),
    [
        ("Лодки плывут по реке. " * 100, "utf-8", 400),
        ("Лодки плывут по реке. " * 100, "cp1251", 400),
        ("塔立在岩石上，夜里经过的船都能看见它的灯。" * 100, "utf-8", 1300),
        ("The boats came in. " * 100, "utf-16", 400),
    ],
)
def test_words_of_every_script_are_counted(tmp_path: Path, text: str, encoding: str, words: int) -> None:
    """Seen: letters that are not ASCII were none, so that a Russian or Chinese book had nothing to count."""
    path = tmp_path / "book.txt"
    path.write_bytes(text.encode(encoding))
    assert count_words(path, path.name) == pytest.approx(words, rel=0.2)


def test_a_character_that_reading_cuts_off_does_no_harm() -> None:
    assert decode("塔立".encode()[:-1]) == "塔"


def bombs(count: int, unpacked: int) -> bytes:
    """Return a .zip of books that are nearly nothing packed."""
    return archive(**{f"n{number}_docx": archive(word__document_xml=b" " * unpacked) for number in range(count)})


def test_bombs_in_a_bomb_share_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked: list[int] = []
    monkeypatch.setattr(manuscript_words, "count_in_bytes", lambda text, _: unpacked.append(len(text)) or 1)
    (tmp_path / "content").write_bytes(bombs(100, 1 << 20))
    count_words(tmp_path / "content", "books.zip")
    assert 0 < sum(unpacked) <= manuscript_words.READ_BYTES


def test_a_book_in_an_archive_is_unpacked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its members in reverse order make zipfile go back for each, which unpacks the book from its beginning again."""
    rewinds: list[int] = []
    seek = zipfile.ZipExtFile.seek
    monkeypatch.setattr(zipfile.ZipExtFile, "seek", lambda *where: rewinds.append(1) or seek(*where))
    (tmp_path / "content").write_bytes(archive(one_docx=DOCX))
    assert count_words(tmp_path / "content", "books.zip") == 9 * 50
    assert rewinds == []


def test_what_would_unpack_in_one_step_is_not_counted(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "content", "w", zipfile.ZIP_BZIP2) as packed:
        packed.writestr("one.txt", PROSE)
    with pytest.raises(InvalidTrainingFile, match="no text"):
        count_words(tmp_path / "content", "book.zip")


def test_a_table_of_contents_of_millions_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "content", "w") as packed:
        for number in range(MAX_ENTRIES + 1):
            packed.writestr(f"{number}.txt", b"")
    with pytest.raises(InvalidTrainingFile, match="contains more than"):
        count_words(tmp_path / "content", "book.zip")


def test_a_member_that_is_damaged_inside_is_a_clear_error(tmp_path: Path) -> None:
    content = bytearray(archive(one_txt=PROSE.encode() + bytes(range(256)) * 40))
    content[60:300] = bytes(range(240))
    (tmp_path / "content").write_bytes(content)
    with pytest.raises(InvalidTrainingFile, match="not a readable archive"):
        count_words(tmp_path / "content", "book.zip")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("content", [b"\0", b"=", b"<", b"]]>", b"<p><"])
def test_signs_without_a_word_are_counted_in_one_pass(tmp_path: Path, content: bytes) -> None:
    """A megabyte of them packs to a kilobyte, and the time was the square of their number."""
    path = tmp_path / "content"
    path.write_bytes(archive(word__document_xml=content * (1 << 20) + b"<p>One word</p>"))
    assert count_words(path, "book.docx") >= 1


def test_damage_inside_an_archive_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "content"
    raw = bytearray(DOCX)
    place = raw.index(b"word/document.xml") + len("word/document.xml")
    raw[place : place + 20] = b"\xff" * 20
    path.write_bytes(raw)
    with pytest.raises(InvalidTrainingFile, match="not a readable archive"):
        count_words(path, "book.docx")


@pytest.mark.parametrize("entries", [7, 25], ids=["entries", "bytes"])
def test_a_table_of_contents_that_would_fill_the_memory_is_refused(tmp_path: Path, entries: int) -> None:
    """The API counts words in its own process: three million names would take more memory than its container has."""
    directory = repeat_entry(entries * MIB // len(HEADER + b"00000000"))
    path = tmp_path / "content"
    path.write_bytes(directory + end_record(1, len(directory)))
    with pytest.raises(InvalidTrainingFile, match=r"table of contents|more than 20,000 files"):
        count_words(path, "book.zip")
