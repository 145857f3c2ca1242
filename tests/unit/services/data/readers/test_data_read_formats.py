"""Every format reads back as it was written; malformed files are errors with a code, never a traceback."""

import html
import io
import random
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import docx
import pytest
from docx.oxml import OxmlElement
from hypothesis import given, settings
from hypothesis import strategies as st

from scriptorium.errors import FileTooLarge, InvalidTrainingFile
from services.data.readers import Manuscript, limits, read_manuscript

Book = Sequence[tuple[str, Sequence[str]]]

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PAGE = '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body>{}</body></html>'

TITLED_PACKAGE = (
    '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata><dc:title>The Sea</dc:title></metadata><manifest>'
    '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/></spine>'
    "</package>"
)


def write_docx(book: Book) -> bytes:
    document = docx.Document()
    for heading, paragraphs in book:
        document.add_heading(heading, 1)
        for text in paragraphs:
            document.add_paragraph(text)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def to_html(book: Book) -> str:
    pieces = [f"<h2>{html.escape(heading)}</h2>" + "".join(f"<p>{html.escape(text)}</p>" for text in paragraphs)
              for heading, paragraphs in book]  # fmt: skip
    return "".join(pieces)


def write_html(book: Book) -> bytes:
    return f"<!DOCTYPE html><html><head><title>No</title></head><body>{to_html(book)}</body></html>".encode()


def write_epub(book: Book) -> bytes:
    return pack_epub({f"c{number}.xhtml": PAGE.format(to_html([part])) for number, part in enumerate(book)})


def pack_epub(documents: dict[str, str], extra: dict[str, str] | None = None) -> bytes:
    items = "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in documents)
    spine = "".join(f'<itemref idref="{name}"/>' for name in documents)
    package = f"<package><manifest>{items}</manifest><spine>{spine}</spine></package>"
    files = {"mimetype": "application/epub+zip", "META-INF/container.xml": CONTAINER, "OPS/book.opf": package}
    return pack(files | {f"OPS/{name}": text for name, text in documents.items()} | (extra or {}))


def pack(files: dict[str, str]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return target.getvalue()


def write_markdown(book: Book) -> bytes:
    return "\n\n".join("\n\n".join([f"# {heading}", *paragraphs]) for heading, paragraphs in book).encode()


def write_jsonl(book: Book) -> bytes:
    rows = [f'{{"prompt": "Write.", "completion": "{text}"}}' for _, paragraphs in book for text in paragraphs]
    return "\n".join(rows).encode()


WRITERS: dict[str, Callable[[Book], bytes]] = {
    ".docx": write_docx, ".epub": write_epub, ".html": write_html, ".md": write_markdown,
}  # fmt: skip
SAMPLE: Book = [(f"Chapter {number}", ["The old man went down.", "“Alone,” he said."]) for number in range(3)]
BYTES = {suffix: write(SAMPLE) for suffix, write in WRITERS.items()} | {
    ".txt": "Café. The old man went down.".encode(),
    ".jsonl": write_jsonl(SAMPLE),
    ".zip": pack({"a.txt": "The old man.", "b.md": "# One\n\nText.\n\n# Two\n\nMore."}),
}


def read(raw: bytes, filename: str) -> Manuscript:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(raw)
        return read_manuscript(path, filename)


def read_book(raw: bytes, filename: str) -> list[tuple[str, list[str]]]:
    (part,) = read(raw, filename).parts
    return [(section.heading, section.paragraphs) for section in part.sections]


words = st.text(alphabet="abcdefgh éüßñ“”’—ЖЯ日本", min_size=1, max_size=40).map(lambda text: " ".join(text.split()))
lines = words.filter(bool).map(lambda text: f"A{text}.")
books = st.lists(st.tuples(lines, st.lists(lines, min_size=1, max_size=4)), min_size=2, max_size=5)


@pytest.mark.parametrize("suffix", list(WRITERS))
@given(book=books)
@settings(max_examples=30)
def test_what_is_written_reads_back(suffix: str, book: list[tuple[str, list[str]]]) -> None:
    assert read_book(WRITERS[suffix](book), f"book{suffix}") == book


@pytest.mark.parametrize("suffix", ["", *BYTES])
@given(raw=st.binary(max_size=200))
@settings(max_examples=60)
def test_random_bytes_never_end_in_a_traceback(suffix: str, raw: bytes) -> None:
    attempt(raw, f"book{suffix}")


@pytest.mark.parametrize("suffix", list(BYTES))
@given(share=st.floats(0, 1), seed=st.integers(0, 2**16), flips=st.integers(0, 8))
@settings(max_examples=120)
def test_cut_and_flipped_files_never_end_in_a_traceback(suffix: str, share: float, seed: int, flips: int) -> None:
    raw = bytearray(BYTES[suffix])
    generator = random.Random(seed)  # noqa: S311  # no secret
    for _ in range(flips):
        raw[generator.randrange(len(raw))] ^= 1 << generator.randrange(8)
    attempt(bytes(raw[: int(share * len(raw))] if flips % 2 == 0 else raw), f"book{suffix}")


@pytest.mark.parametrize("suffix", [".docx", ".epub"])
@given(seed=st.integers(0, 2**16), flips=st.integers(1, 12))
@settings(max_examples=120)
def test_damage_inside_an_archive_never_ends_in_a_traceback(suffix: str, seed: int, flips: int) -> None:
    """The checksum would stop most flips, so these are made before packing."""
    generator = random.Random(seed)  # noqa: S311  # no secret
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(BYTES[suffix])) as source, zipfile.ZipFile(target, "w") as archive:
        for name in source.namelist():
            raw = bytearray(source.read(name))
            for _ in range(flips if raw else 0):
                raw[generator.randrange(len(raw))] = generator.randrange(256)
            archive.writestr(name, bytes(raw))
    attempt(target.getvalue(), f"book{suffix}")


def attempt(raw: bytes, filename: str) -> None:
    try:
        read(raw, filename)
    except (InvalidTrainingFile, FileTooLarge) as error:
        assert error.code in ("invalid_training_file", "file_too_large")
        assert error.next_step
        assert error.param


def test_word_is_read_with_its_changes_accepted() -> None:
    document = docx.Document()
    document.add_heading("One", 1)
    paragraph = document.add_paragraph("He ")
    for tag, inside, text in (("w:ins", "w:t", "went "), ("w:del", "w:delText", "ran ")):
        change, run, content = OxmlElement(tag), OxmlElement("w:r"), OxmlElement(inside)
        content.text = text
        run.append(content)
        change.append(run)
        paragraph._p.append(change)
    paragraph.add_run("home.")
    document.add_table(1, 1).cell(0, 0).text = "a price"
    document.add_heading("Two", 1)
    document.add_paragraph("Verse\nby line")
    target = io.BytesIO()
    document.save(target)
    manuscript = read(target.getvalue(), "book.docx")
    (part,) = manuscript.parts
    assert [(section.heading, section.paragraphs) for section in part.sections] == [
        ("One", ["He  went home.".replace("  ", " ")]), ("Two", ["Verse\nby line"])
    ]  # fmt: skip
    assert manuscript.findings[0].code == "markup_left_out"
    assert "1 tables" in manuscript.findings[0].message and "1 deleted pieces" in manuscript.findings[0].message


def test_html_is_read_without_what_is_not_prose() -> None:
    body = (
        '<nav>Menu</nav><h1>One</h1><p>Text<sup>1</sup> of 10<sup>6</sup>&nbsp;men<a epub:type="noteref">2</a>.</p>'
        '<script>if (a < b) x()</script><span epub:type="pagebreak" id="p2"/><p>So &mdash; on<br/>and on.</p>'
        '<table><tr><td>1</td></tr></table><h1>Two</h1><p hidden>No</p><p><img alt="T"/>he end <img src="x"/>came.</p>'
    )
    manuscript = read(body.encode(), "book.html")
    (part,) = manuscript.parts
    assert [(section.heading, section.paragraphs) for section in part.sections] == [
        ("One", ["Text of 106 men.", "So — on\nand on."]), ("Two", ["The end came."])
    ]  # fmt: skip
    message = manuscript.findings[0].message
    assert all(count in message for count in ("2 footnote marks", "1 tables", "1 page numbers", "1 navigations"))


def test_a_table_that_lays_out_a_page_is_prose() -> None:
    story = "<p>" + "He went home by the river. " * 10 + "</p>"
    prices = "<table><tr><td>a lamp<td>2 d.</table>"
    page = f"<table><tr><td>Menu<td><h1>One</h1>{story}{prices}<h1>Two</h1>{story}</table>"
    manuscript = read(page.encode(), "book.html")
    (part,) = manuscript.parts
    assert [(section.heading, len(section.paragraphs)) for section in part.sections] == [
        ("", 1), ("One", 1), ("Two", 1)
    ]  # fmt: skip
    assert "1 tables" in manuscript.findings[0].message


def test_a_declared_encoding_is_used_if_the_text_is_not_utf_8() -> None:
    raw = '<meta charset="windows-1251"><h1>Раз</h1><p>Кот.</p><h1>Два</h1><p>Дом.</p>'.encode("cp1251")
    assert read_book(raw, "book.html")[0] == ("Раз", ["Кот."])


def test_markdown_keeps_what_prose_means() -> None:
    first = "---\ntitle: x\n---\n# One\n\n    Indented *text*.\n\n- Hello, he said.\n\n1986. A year."
    text = f"{first}\n\n# Two\n\nA[^1] b.\n\n[^1]: No.\n"
    (part,) = read(text.encode(), "book.md").parts
    assert [section.paragraphs for section in part.sections] == [
        ["Indented text.", "- Hello, he said.", "1986. A year."], ["A b."]
    ]  # fmt: skip


def test_the_contents_of_an_epub_title_documents_without_a_heading() -> None:
    links = '<li><a href="a.xhtml">The River</a></li><li><a href="b.xhtml#x">The Sea</a></li>'
    nav = f"<html><body><nav><ol>{links}</ol></nav></body></html>"
    documents = {name: PAGE.format(f"<p>{text}</p>") for name, text in (("a.xhtml", "One."), ("b.xhtml", "Two."))}
    raw = pack_epub(documents, {"OPS/nav.xhtml": nav})
    with zipfile.ZipFile(io.BytesIO(raw)) as source:
        files = {name: source.read(name).decode() for name in source.namelist()}
    files["OPS/book.opf"] = files["OPS/book.opf"].replace(
        "</manifest>",
        '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/></manifest>',
    )
    assert read_book(pack(files), "book.epub") == [("The River", ["One."]), ("The Sea", ["Two."])]


def test_an_epub_with_missing_or_protected_documents_is_refused() -> None:
    files = {"META-INF/container.xml": CONTAINER}
    files["OPS/book.opf"] = (
        '<package><manifest><item id="a" href="../../etc/passwd" media-type="text/html"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>'
    )
    with pytest.raises(InvalidTrainingFile, match="lacks 1 of its documents"):
        read(pack(files), "book.epub")
    files["META-INF/encryption.xml"] = '<encryption><EncryptionMethod Algorithm="aes"/></encryption>'
    with pytest.raises(InvalidTrainingFile, match="DRM"):
        read(pack(files), "book.epub")


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "'
    + "&a;" * 50
    + '"><!ENTITY c "'
    + "&b;" * 50
    + '"><!ENTITY d "'
    + "&c;" * 50
    + '">'
)


@pytest.mark.parametrize("where", ["attribute", "text"])
@pytest.mark.parametrize("suffix", [".docx", ".epub", "package", ".html"])
def test_entities_are_never_expanded(suffix: str, where: str) -> None:
    inside = '<p q="&d;">x</p>' if where == "attribute" else "<p>&d;</p>"
    page = f"{LAUGHS}]><html><body>{inside}</body></html>"
    raw = {
        ".docx": pack({"word/document.xml": page}),
        ".epub": pack_epub({"a.xhtml": page}),
        "package": pack({"META-INF/container.xml": CONTAINER, "OPS/book.opf": page}),
        ".html": page.encode(),
    }[suffix]
    try:
        manuscript = read(raw, f"book{'.epub' if suffix == 'package' else suffix}")
    except InvalidTrainingFile:
        return
    assert sum(len(part.text) for part in manuscript.parts) < 1000


def test_an_external_entity_is_never_fetched(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("the secret")
    page = f'<!DOCTYPE x [<!ENTITY a SYSTEM "file://{tmp_path}/secret">]><html><body><p>x &a;</p></body></html>'
    for raw, name in ((pack({"word/document.xml": page}), "a.docx"), (pack_epub({"a.xhtml": page}), "a.epub"),
                      (page.encode(), "a.html")):  # fmt: skip
        try:
            manuscript = read(raw, name)
        except InvalidTrainingFile:
            continue
        assert all("secret" not in part.text for part in manuscript.parts)


@pytest.mark.parametrize("name", ["book.zip", "book.docx", "book.epub"])
def test_a_file_that_is_packed_too_well_is_refused(name: str) -> None:
    inner = {"book.zip": "a.txt", "book.docx": "word/document.xml", "book.epub": "META-INF/container.xml"}[name]
    with pytest.raises(FileTooLarge, match="packed to less"):
        read(pack({inner: "a" * 3_000_000}), name)


def test_a_false_size_is_detected_before_memory_is_filled() -> None:
    raw = bytearray(pack({"a.txt": "a" * 900_000}))
    true, false = (900_000).to_bytes(4, "little"), (50_000).to_bytes(4, "little")
    raw = bytearray(bytes(raw).replace(true, false))
    with pytest.raises(InvalidTrainingFile, match="CRC"):
        read(bytes(raw), "book.zip")


def test_an_archive_inside_another_one_is_not_opened() -> None:
    manuscript = read(pack({"a.txt": "Text.", "b.zip": "PK"}), "book.zip")
    assert [(finding.code, finding.place) for finding in manuscript.findings] == [("file_ignored", "b.zip")]


def test_a_book_inside_a_zip_is_charged_with_what_it_unpacks_to(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.docx", BYTES[".docx"])
        archive.writestr("b.epub", BYTES[".epub"])
    assert len(read(target.getvalue(), "book.zip").parts) == 2
    monkeypatch.setattr(limits, "MAX_BYTES", len(BYTES[".docx"]) + 1000)
    with pytest.raises(FileTooLarge):
        read(target.getvalue(), "book.zip")


def test_every_type_may_be_in_one_folder(tmp_path: Path) -> None:
    for suffix, raw in BYTES.items():
        (tmp_path / f"book{suffix}").write_bytes(raw)
    manuscript = read_manuscript(tmp_path, "books")
    assert {part.name for part in manuscript.parts} == {
        f"book{suffix}" for suffix in (".docx", ".epub", ".html", ".md", ".txt")
    }
    assert len(manuscript.rows) == 6


def test_unreadable_files_of_all_types_are_reported_at_once(tmp_path: Path) -> None:
    for suffix in (".docx", ".epub", ".jsonl", ".txt"):
        (tmp_path / f"book{suffix}").write_bytes(b"\0 no")
    with pytest.raises(InvalidTrainingFile) as caught:
        read_manuscript(tmp_path, "books")
    assert {problem.place.split(",")[0] for problem in caught.value.problems} == {
        "book.docx", "book.epub", "book.jsonl", "book.txt"
    }  # fmt: skip


def test_the_title_that_a_file_states_is_the_manuscripts() -> None:
    document = docx.Document()
    document.core_properties.title = "The River"
    document.add_paragraph("It ran.")
    target = io.BytesIO()
    document.save(target)
    assert read(target.getvalue(), "final.docx").stated_title == "The River"
    titled = pack_epub({"a.xhtml": PAGE.format("<p>It ran.</p>")}, {"OPS/book.opf": TITLED_PACKAGE})
    assert read(titled, "final.epub").stated_title == "The Sea"
    assert read(pack_epub({"a.xhtml": PAGE.format("<p>It ran.</p>")}), "final.epub").stated_title == ""
    assert read(b"It ran.", "final.txt").stated_title == ""
    assert read(pack_two(target.getvalue(), titled), "both.zip").stated_title == ""  # two books have no title


def test_damaged_metadata_do_not_make_a_book_unreadable() -> None:
    raw = io.BytesIO(write_docx([("One", ["It ran."])]))
    damaged = io.BytesIO()
    with zipfile.ZipFile(raw) as source, zipfile.ZipFile(damaged, "w") as archive:
        for name in source.namelist():
            archive.writestr(name, b"<broken" if name == "docProps/core.xml" else source.read(name))
    manuscript = read(damaged.getvalue(), "book.docx")
    assert "It ran." in manuscript.parts[0].text
    assert manuscript.stated_title == ""


def pack_two(document: bytes, book: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("a.docx", document)
        archive.writestr("b.epub", book)
    return target.getvalue()
