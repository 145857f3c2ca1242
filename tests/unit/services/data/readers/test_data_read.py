import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.errors import FileTooLarge, InvalidTrainingFile
from services.data.readers import limits, read_manuscript
from services.data.readers.decode import Unreadable, decode


@pytest.fixture
def pack(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    def make(files: dict[str, bytes]) -> Path:
        path = tmp_path / "content"
        with zipfile.ZipFile(path, "w") as archive:
            for name, raw in files.items():
                archive.writestr(name, raw)
        return path

    return make


def test_chunks_come_in_natural_order_and_hidden_files_do_not_count(pack: Callable[..., Path]) -> None:
    files = {f"book/chunk_{number}.txt": b"text" for number in (10, 9, 1)}
    path = pack(files | {"__MACOSX/book/._chunk_1.txt": b"\0", "book/.DS_Store": b"\0", "book/notes.txt": b"note"})
    manuscript = read_manuscript(path, "book.zip")
    assert [part.name for part in manuscript.parts] == [f"book/chunk_{number}.txt" for number in (1, 9, 10)]
    assert manuscript.curated
    assert [(finding.code, finding.place) for finding in manuscript.findings] == [("file_ignored", "book/notes.txt")]


def test_a_folder_reads_as_its_zip_does(tmp_path: Path, pack: Callable[..., Path]) -> None:
    files = {"one.txt": b"first", "two/three.txt": b"second"}
    folder = tmp_path / "folder"
    for name, raw in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)
    assert read_manuscript(folder, "folder") == read_manuscript(pack(files), "book.ZIP")


def test_a_path_that_climbs_is_only_a_label(pack: Callable[..., Path]) -> None:
    manuscript = read_manuscript(pack({"../../chunk_1.txt": b"text"}), "book.zip")
    assert [part.name for part in manuscript.parts] == ["../../chunk_1.txt"]


def test_every_bad_chunk_is_named_at_once(pack: Callable[..., Path]) -> None:
    path = pack({"chunk_1.txt": b" \n", "chunk_2.txt": b"fine", "chunk_3.txt": b"a\0b", "chunk_4.txt": b""})
    with pytest.raises(InvalidTrainingFile) as caught:
        read_manuscript(path, "book.zip")
    problems = [(problem.place, problem.message) for problem in caught.value.problems]
    assert [place for place, _ in problems] == ["chunk_1.txt", "chunk_3.txt", "chunk_4.txt"]
    assert "NUL byte at offset 1" in problems[1][1]


@pytest.mark.parametrize(
    ("raw", "filename", "message"),
    [
        (b"text", "book.odt", ".odt"),
        (b"text", "book", "no extension"),
        (b"not a zip", "book.zip", "not a readable"),
        (b"", "book.txt", "is empty"),
        (b"\xef\xbb\xbf", "book.txt", "is empty"),
    ],
)
def test_unreadable_files_give_clear_errors(tmp_path: Path, raw: bytes, filename: str, message: str) -> None:
    path = tmp_path / "content"
    path.write_bytes(raw)
    with pytest.raises(InvalidTrainingFile) as caught:
        read_manuscript(path, filename)
    assert message in str(caught.value)


def test_a_zip_without_texts_and_a_cut_zip_are_clear_errors(pack: Callable[..., Path]) -> None:
    path = pack({"book.pdf": b"%PDF"})
    with pytest.raises(InvalidTrainingFile, match="no file of a supported type"):
        read_manuscript(path, "book.zip")
    path.write_bytes(pack({"chunk_1.txt": b"text" * 100}).read_bytes()[:-30])
    with pytest.raises(InvalidTrainingFile, match="not a readable"):
        read_manuscript(path, "book.zip")


def test_a_damaged_entry_is_a_clear_error(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("chunk_1.txt", b"words words words")
    path = tmp_path / "content"
    path.write_bytes(buffer.getvalue().replace(b"words words", b"wards words"))
    with pytest.raises(InvalidTrainingFile, match="CRC"):
        read_manuscript(path, "book.zip")


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, pack: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_BYTES", 1000)
    path = pack({"chunk_1.txt": b"a" * 1001})
    with monkeypatch.context() as patch, pytest.raises(FileTooLarge, match="MiB"):
        patch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
        read_manuscript(path, "book.zip")
    monkeypatch.setattr(limits, "MAX_ENTRIES", 2)
    with pytest.raises(FileTooLarge, match="3 files"):
        read_manuscript(pack({f"chunk_{number}.txt": b"a" for number in range(3)}), "book.zip")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_an_encoding_that_had_to_be_guessed_is_a_finding(encoding: str) -> None:
    text = "“It’s a long way to the café,” said the old man at the door of his house.\r\nThat was all.\n" * 20
    decoded, findings = decode(text.encode(encoding), "book.txt")
    assert decoded == text.replace("\r\n", "\n")
    assert [finding.code for finding in findings] == (["guessed_encoding"] if encoding == "cp1252" else [])


def test_cyrillic_is_not_taken_for_western() -> None:
    text = "Это проверка кодировки текста, довольно длинная, чтобы её можно было узнать.\n" * 20
    assert decode(text.encode("cp1251"), "book.txt")[0] == text


def test_lost_characters_are_counted() -> None:
    _, findings = decode("Fine.\nIt was.\nLost \ufffd\ufffd here.".encode(), "book.txt")
    assert [(finding.code, finding.place) for finding in findings] == [("replacement_character", "book.txt:3")]
    assert "2 character(s)" in findings[0].message


@given(st.binary(max_size=300))
def test_any_bytes_are_text_or_unreadable(raw: bytes) -> None:
    try:
        text, _ = decode(raw, "book.txt")
    except Unreadable as error:
        assert str(error)
    else:
        assert "\r" not in text
