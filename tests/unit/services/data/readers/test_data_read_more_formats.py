"""OpenDocument, FictionBook, PDF, Fountain, Obsidian: read as they were written; damage is one clear problem."""

import html
import io
import zipfile
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from scriptorium.errors import FileTooLarge, InvalidTrainingFile
from scriptorium.text.pdf import estimate_pdf_words
from services.data.readers import Manuscript
from tests.unit.services.data.readers.test_data_read_formats import SAMPLE, Book, pack, read, read_book
from tests.unit.services.data.readers.test_data_read_rich_text import project, rtf

NAMESPACES = " ".join(f'xmlns:{name}="urn:{name}"' for name in ("office", "text", "style", "fo", "draw", "table"))
DUBLIN_CORE = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
STYLES = (
    f"<office:document-styles {NAMESPACES}><office:styles>"
    '<style:style style:name="Heading_20_1" style:default-outline-level="1"/><style:style style:name="Title"/>'
    "</office:styles><office:master-styles><text:p>Running head</text:p></office:master-styles>"
    "</office:document-styles>"
)
AUTOMATIC = (
    '<style:style style:name="P1" style:parent-style-name="Heading_20_1"/>'
    '<style:style style:name="P2"><style:paragraph-properties fo:break-before="page"/></style:style>'
    '<style:style style:name="T1"><style:text-properties text:display="none"/></style:style>'
)


def odt(body: str, extra: dict[str, str] | None = None) -> bytes:
    content = (
        f"<office:document-content {NAMESPACES}><office:automatic-styles>{AUTOMATIC}</office:automatic-styles>"
        f"<office:body><office:text>{body}</office:text></office:body></office:document-content>"
    )
    meta = f"<office:document-meta {NAMESPACES} {DUBLIN_CORE}><dc:title>The Sea</dc:title></office:document-meta>"
    return pack({"content.xml": content, "styles.xml": STYLES, "meta.xml": meta} | (extra or {}))


def write_odt(book: Book) -> bytes:
    return odt("".join(
        f'<text:h text:outline-level="1">{html.escape(heading)}</text:h>'
        + "".join(f"<text:p>{html.escape(text)}</text:p>" for text in paragraphs) for heading, paragraphs in book
    ))  # fmt: skip


def fb2(body: str, more: str = "") -> bytes:
    info = "<description><title-info><book-title>The Sea</book-title></title-info></description>"
    return (
        '<?xml version="1.0" encoding="windows-1251"?><FictionBook xmlns="f" xmlns:l="l">'
        f"{info}<body>{body}</body>{more}</FictionBook>"
    ).encode("cp1251", "xmlcharrefreplace")


def write_fb2(book: Book) -> bytes:
    return fb2("".join(
        f"<section><title><p>{html.escape(heading)}</p></title>"
        + "".join(f"<p>{html.escape(text)}</p>" for text in paragraphs) + "</section>" for heading, paragraphs in book
    ))  # fmt: skip


def write_fountain(book: Book) -> bytes:
    return "\n\n".join("\n\n".join([f"# {heading}", *paragraphs]) for heading, paragraphs in book).encode()


def write_rtf(book: Book) -> bytes:
    def escape(text: str) -> str:
        return "".join(sign if sign.isascii() else rf"\u{ord(sign)}?" for sign in text)

    return rtf("".join(
        rf"\pard\s1 {escape(heading)}\par\pard " + "".join(rf"{escape(text)}\par " for text in paragraphs)
        for heading, paragraphs in book
    ))  # fmt: skip


def write_pdf(pages: Sequence[Sequence[tuple[int, int, str]]], extra: str = "") -> bytes:
    """Return a PDF with the lines of each page at their places."""
    objects = ["<</Type/Catalog/Pages 2 0 R>>", ""]
    for lines in pages:
        content = "".join(f"BT /F 11 Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n" for x, y, text in lines)
        objects += [f"<</Length {len(content)}>>stream\n{content}endstream"]
        font = "<</F<</Type/Font/Subtype/Type1/BaseFont/Times-Roman>>>>"
        box = "/MediaBox[0 0 595 842]"
        objects += [f"<</Type/Page/Parent 2 0 R/Contents {len(objects)} 0 R{box}/Resources<</Font{font}>>>>"]
    kids = " ".join(f"{number} 0 R" for number in range(4, len(objects) + 1, 2))
    objects[1] = f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>"
    raw, places = "%PDF-1.4\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(raw))
        raw += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    size = len(objects) + 1
    trailer = f"trailer\n<</Size {size}/Root 1 0 R{extra}>>\nstartxref\n{len(raw)}\n%%EOF\n"
    return f"{raw}xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}".encode("latin-1")


PARAGRAPH = ["The old man went down to the sea, which", "was grey, and nobody had told him so, since", "it rained."]


def page(number: int) -> list[tuple[int, int, str]]:
    """Return two paragraphs with an indent, one after a gap, and the number of the page."""
    first = [(90 if index % 3 == 0 else 72, 700 - 14 * index, line) for index, line in enumerate(PARAGRAPH * 2)]
    last = [(72, 560 - 14 * index, line) for index, line in enumerate(PARAGRAPH)]
    return [*first, *last, (300, 40, str(number))]


def left_out(manuscript: Manuscript) -> str:
    return next((finding.message for finding in manuscript.findings if finding.code == "markup_left_out"), "")


WRITERS = {".odt": write_odt, ".fb2": write_fb2, ".fountain": write_fountain, ".rtf": write_rtf}
BYTES = {suffix: write(SAMPLE) for suffix, write in WRITERS.items()} | {
    ".pdf": write_pdf([page(1), page(2)]),
    ".fbz": pack({"book.fb2": write_fb2(SAMPLE).decode("cp1251")}),
    ".zip": pack(project()),
}


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_a_book_reads_as_it_was_written(suffix: str) -> None:
    assert read_book(BYTES[suffix], f"book{suffix}") == [(heading, list(texts)) for heading, texts in SAMPLE]


def test_opendocument_is_read_as_it_is_shown() -> None:
    body = (
        '<text:tracked-changes><text:p>gone</text:p></text:tracked-changes><text:p text:style-name="P1">One</text:p>'
        "<text:p>It<text:note><text:note-body><text:p>A note.</text:p></text:note-body></text:note> rained<text:s/>"
        'on<text:line-break/>us<text:tab/>all<text:span text:style-name="T1">hidden</text:span>.</text:p>'
        "<table:table><table:table-cell><text:p>1</text:p></table:table-cell></table:table>"
        '<text:p text:style-name="P2">two'
        "<draw:frame><draw:text-box><text:p>Boxed.</text:p></draw:text-box></draw:frame>"
        '</text:p><text:h text:outline-level="1">Two</text:h><text:p>The\n end.</text:p>'
    )
    assert read_book(odt(body), "book.odt") == [
        ("One", ["It rained on\nus all.", "Boxed.", "two"]), ("Two", ["The end."]),
    ]  # fmt: skip
    manuscript = read(odt(body), "book.odt")
    assert manuscript.stated_title == "The Sea"
    assert left_out(manuscript).endswith("1 footnotes (2 words), 1 hidden pieces (1 word), 1 tables (1 word)")
    assert (
        "\f\n\ntwo" in read(odt('<text:p>one</text:p><text:p text:style-name="P2">two</text:p>'), "a.odt").parts[0].text
    )


def test_fictionbook_keeps_verse_and_leaves_notes_out() -> None:
    body = (
        "<title><p>Море</p></title><section><title><p>One</p></title><p>It <emphasis>rained</emphasis>"
        '<a l:href="#n" type="note">1</a>.</p><empty-line/><subtitle>* * *</subtitle><poem><stanza><v>Rain</v>'
        "<v>and sun</v></stanza></poem></section><section><title><p>Two</p></title><p>End.</p></section>"
    )
    raw = fb2(body, '<body name="notes"><section><p>A note.</p></section></body><binary id="a">AAAA</binary>')
    assert read_book(raw, "book.fb2") == [
        ("Море", []), ("One", ["It rained.", "* * *", "Rain\nand sun"]), ("Two", ["End."]),
    ]  # fmt: skip
    assert read(raw, "book.fb2").stated_title == "The Sea"
    for name in ("book.fb2.zip", "book.fbz", "book.zip"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("book.fb2", raw)
        assert read_book(packed.getvalue(), name) == read_book(raw, "book.fb2")


def test_the_pages_of_a_pdf_show_their_paragraphs() -> None:
    (part,) = read(BYTES[".pdf"], "book.pdf").parts
    paragraph = "\n".join(PARAGRAPH)
    assert part.text == "\n\f\n".join("\n\n".join([paragraph] * 3 + [number]) for number in "12")


def test_what_the_margins_of_a_pdf_repeat_is_counted_and_its_headings_stay() -> None:
    pages = [[(72, 800, "THE SEA" if number % 2 else "ANN LEE"), *page(number)] for number in range(5, 13)]
    pages[3] = [(72, 800, "Yes."), *page(8)]
    for number, chapter in enumerate((1, 2, 3)):
        pages[number * 2].insert(1, (72, 740, f"Chapter {chapter}"))
    manuscript = read(write_pdf(pages), "book.pdf")
    lines = manuscript.parts[0].text.split("\n")
    assert [line for line in lines if line not in ("", "\f", *PARAGRAPH)] == [
        "Chapter 1",
        "Chapter 2",
        "Yes.",
        "Chapter 3",
    ]
    assert "15 running heads and page numbers" in left_out(manuscript)


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (write_pdf([[], []]), "no text layer"),
        (
            write_pdf([page(1)], "/Encrypt<</Filter/Standard/V 1/R 2/O(x)/U(x)/P 0>>/ID[(a)(a)]"),
            "save it (?:without|anew)",
        ),
        (b"text", "is no PDF"),
        (BYTES[".pdf"][:300], "damaged|no text"),
    ],
)
def test_a_pdf_that_cannot_be_read_says_what_to_do(raw: bytes, message: str) -> None:
    with pytest.raises(InvalidTrainingFile, match=message):
        read(raw, "book.pdf")


def protect(raw: bytes, algorithm: str, password: str) -> bytes:
    """Return a PDF that its owner alone may copy and print, and that opens with a password."""
    writer, protected = PdfWriter(io.BytesIO(raw)), io.BytesIO()
    writer.encrypt(user_password=password, owner_password="owner", algorithm=algorithm)
    writer.write(protected)
    return protected.getvalue()


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_pdf_that_only_forbids_copying_is_read(algorithm: str) -> None:
    raw = protect(BYTES[".pdf"], algorithm, "")
    assert read_book(raw, "book.pdf") == read_book(BYTES[".pdf"], "book.pdf")
    assert estimate_pdf_words(raw) == estimate_pdf_words(BYTES[".pdf"]) > 0


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-256"])
def test_a_pdf_with_a_password_says_so(algorithm: str) -> None:
    with pytest.raises(InvalidTrainingFile, match="has a password; save it without one"):
        read(protect(BYTES[".pdf"], algorithm, "secret"), "book.pdf")


def test_a_play_keeps_its_lines() -> None:
    raw = (
        b"Title: The Sea\nAuthor: Ann\n\n# One\n\nINT. HOUSE - DAY #1#\n\nIt *rains*. [[check]] /* cut */\n\n"
        b"ANN (O.S.) ^\n(softly)\nAlone?\n\n> CUT TO:\n\n>THE END<\n\n# Two\n\n= a synopsis\n\n"
        b".FLASH\n\n...and _so_ on.\n"
    )
    assert read_book(raw, "play.fountain") == [
        ("One", ["INT. HOUSE - DAY", "It rains.", "ANN (O.S.)\n(softly)\nAlone?", "CUT TO:", "THE END"]),
        ("Two", ["FLASH", "...and so on."]),
    ]
    manuscript = read(raw, "play.fountain")
    assert manuscript.stated_title == "The Sea"
    assert left_out(manuscript).endswith("1 comments, 1 deleted pieces, 1 synopses, 1 title pages")


def test_a_vault_of_obsidian_reads_as_it_is_shown() -> None:
    note = "---\ntags: [a]\n---\n[[Ann Lee|Ann]] met [[Bob]].%%later\nmore%% ![[map.png]]\n\nIt was ==over==. ^ab-1\n"
    manuscript = read(
        pack({"Sea/.obsidian/app.md": "{}", "Sea/1.md": note, "Sea/2.md": "5 % off, 3 ^ 2."}), "vault.zip"
    )
    assert [part.text for part in manuscript.parts] == ["Ann met Bob.\n\nIt was over.", "5 % off, 3 ^ 2."]


def test_a_zip_of_google_docs_is_its_text() -> None:
    manuscript = read(
        pack({"Sea.html": "<p>It rained.</p>", "images/image1.png": "x", "images/image2.png": "x"}), "a.zip"
    )
    assert [part.text for part in manuscript.parts] == ["It rained."]
    assert len(manuscript.findings) == 1


@pytest.mark.parametrize("alias", [".text", ".mkd", ".mdown", ".markdown", ".TXT"])
def test_an_alias_is_the_type_that_it_stands_for(alias: str) -> None:
    assert read(b"It rained.", f"book{alias}").parts[0].text == "It rained."


@pytest.mark.parametrize("suffix", [".doc", ".docm", ".pages", ".mobi", ".azw3", ".azw"])
def test_a_type_that_is_not_read_has_a_next_step(suffix: str) -> None:
    with pytest.raises(InvalidTrainingFile) as caught:
        read(b"x", f"book{suffix}")
    assert caught.value.next_step
    assert ".docx" in caught.value.next_step or ".epub" in caught.value.next_step


@pytest.mark.parametrize("suffix", [".odt", ".fb2"])
def test_entities_are_never_expanded(suffix: str) -> None:
    bomb = '<!DOCTYPE a [<!ENTITY x "rain">]>' + (f"<a {NAMESPACES}>&x;</a>" if suffix == ".odt" else "<FictionBook/>")
    raw = odt("", {"content.xml": bomb}) if suffix == ".odt" else bomb.encode()
    with pytest.raises(InvalidTrainingFile, match="document type"):
        read(raw, f"book{suffix}")


def test_a_password_is_named() -> None:
    with pytest.raises(InvalidTrainingFile, match="has a password"):
        read(odt("", {"META-INF/manifest.xml": "<encryption-data/>"}), "book.odt")


@pytest.mark.parametrize("suffix", list(BYTES))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_damage_is_a_clear_problem(suffix: str, data: st.DataObject) -> None:
    raw = BYTES[suffix]
    place = data.draw(st.integers(0, len(raw) - 1))
    noise = data.draw(st.binary(min_size=1, max_size=30))
    broken = data.draw(st.sampled_from([raw[:place], raw[:place] + noise + raw[place + len(noise) :], noise]))
    try:
        assert read(broken, f"book{suffix}").parts
    except (InvalidTrainingFile, FileTooLarge) as error:
        assert error.next_step
