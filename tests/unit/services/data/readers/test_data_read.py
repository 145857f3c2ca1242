import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

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


def test_pictures_and_locks_of_programs_are_left_out_in_one_line(pack: Callable[..., Path]) -> None:
    pictures = {f"pictures/{number}.png": b"\x89PNG" for number in range(20)} | {"cover.jpg": b"\xff\xd8"}
    path = pack({"01.md": b"It rained.", "~$01.docx": b"\x05Poe", "Thumbs.db": b"\xd0", **pictures})
    manuscript = read_manuscript(path, "book.zip")
    assert [part.name for part in manuscript.parts] == ["01.md"]
    (finding,) = manuscript.findings
    assert (finding.code, finding.place) == ("file_ignored", "cover.jpg")
    assert "20 other file(s)" in finding.message
    assert "(20 .png, 1 .jpg)" in finding.message


def test_a_folder_inside_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "part two").mkdir()
    (tmp_path / "one.txt").write_text("It rained.")
    scan = os.scandir

    def refuse(place: Any) -> Any:  # root, whom this may be run by, is refused nothing
        if Path(place).name == "part two":
            raise PermissionError(13, "Permission denied", str(place))
        return scan(place)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InvalidTrainingFile, match=r"cannot be read: part two \(Permission denied\)"):
        read_manuscript(tmp_path, "book")


def test_a_hidden_folder_is_not_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / "one.txt").write_text("It rained.")
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda place: 1 / 0 if Path(place).name == ".git" else scan(place))
    assert [part.name for part in read_manuscript(tmp_path, "book").parts] == ["one.txt"]


@pytest.mark.timeout(20)
def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "two.txt")
    with pytest.raises(InvalidTrainingFile, match="no ordinary file"):
        read_manuscript(tmp_path / "two.txt", "two.txt")
    (tmp_path / "one.txt").write_text("It rained.")
    assert [part.name for part in read_manuscript(tmp_path, "book").parts] == ["one.txt"]


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
    path = pack({"book.doc": b"\xd0\xcf"})
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


PROSE = {
    "English": "“It’s a long way,” she said—and didn’t look back… ‘No’, he said. The café was shut.\n",
    "German": "Er öffnete die Tür und sagte: „Schön!“ Die Straße war naß – und für ihn zu groß.\n",
    "German with guillemets": "»Weißt du, daß er kommt?« fragte sie. »Nein,« sagte er, »ich weiß es nicht.«\n",
    "French": "« Où est-il ? » dit-elle. L’été était passé, à côté de la forêt. Ça, c’est français…\n",
    "Spanish": "—¿Qué pasó? —dijo él—. ¡Mañana será otro día! España, razón, corazón.\n",
    "Italian": "Perché è così? «Città», disse. Più tardi, là, andò. L’altra virtù…\n",
    "Swedish": "Han gick över gatan. På våren är det så. – Hej, sa hon. ”Å nej!”\n",
}


@pytest.mark.parametrize("language", PROSE)
@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman"])
def test_mac_and_windows_are_told_apart_and_the_guess_has_an_example(language: str, encoding: str) -> None:
    text = PROSE[language] * 20
    decoded, (finding,) = decode(text.encode(encoding), "book.txt")
    assert decoded == text
    assert finding.code == "guessed_encoding"
    assert f"line 1: {text[:30]!r}"[:-1] in finding.message


def test_an_apostrophe_alone_tells_mac_from_windows() -> None:
    text = "He didn’t go.\nIt’s late.\n" * 20
    for encoding in ("cp1252", "mac_roman"):
        assert decode(text.encode(encoding), "book.txt")[0] == text


def test_a_bad_byte_in_utf8_is_named_with_its_line_and_the_rest_stays() -> None:
    good = "Der süße Käse – „ja“.\n"
    decoded, findings = decode(good.encode() * 3 + b"caf\xe9 zu\n" + good.encode(), "book.txt")
    assert decoded == good * 3 + "caf\ufffd zu\n" + good
    assert [(finding.code, finding.place) for finding in findings] == [
        ("invalid_byte", "book.txt:4"),
        ("replacement_character", "book.txt:4"),
    ]
    assert "0xE9 in line 4" in findings[0].message


def test_of_many_bad_bytes_the_first_few_are_named() -> None:
    _, (invalid, _) = decode("Größe – süß – schön – früh.\n".encode() * 4 + b"caf\xe9\n" * 8, "book.txt")
    assert invalid.message.startswith("8 byte(s)")
    assert invalid.message.endswith("0xE9 in line 9 and 3 more")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [PROSE["English"] * 9, "Это проверка.\n" * 9, "他说：你好！\n" * 9])
def test_utf16_without_a_mark_is_read_as_a_guess(encoding: str, text: str) -> None:
    decoded, (finding,) = decode(text.encode(encoding), "book.txt")
    assert decoded == text
    assert (finding.code, encoding in finding.message) == ("guessed_encoding", True)


def test_a_binary_file_is_not_utf16() -> None:
    for raw in (b"a\0\0b" * 9, b"\x01\0" * 9, b"a\0b\0c"):
        with pytest.raises(Unreadable):
            decode(raw, "book.txt")


def test_utf16_that_is_cut_is_unreadable() -> None:
    raw = ("He left the house.\n" * 20_000).encode("utf-16-le")[:-1]
    with pytest.raises(Unreadable, match="to its end"):
        decode(raw, "book.txt")


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
