"""Word: text in tables and boxes is read, chapters are seen without styles of headings, and nothing goes uncounted."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from services.data.readers import Manuscript

Read = Callable[[bytes | str, str], Manuscript]

WORD = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" xmlns:wps="wps" xmlns:v="v" xmlns:mc="mc"'
)
BOX = (
    '<w:p><w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:txbx><w:txbxContent>{0}</w:txbxContent>'
    "</wps:txbx></w:drawing></mc:Choice><mc:Fallback><w:pict><v:textbox><w:txbxContent>{0}</w:txbxContent></v:textbox>"
    "</w:pict></mc:Fallback></mc:AlternateContent></w:r><w:r><w:t>{1}</w:t></w:r></w:p>"
)
RUBY = (
    "<w:r><w:ruby><w:rubyPr/><w:rt><w:r><w:t>{1}</w:t></w:r></w:rt><w:rubyBase><w:r><w:t>{0}</w:t></w:r></w:rubyBase>"
    "</w:ruby></w:r>"
)
NUMBERED = '<w:numPr><w:ilvl w:val="{0}"/><w:numId w:val="7"/></w:numPr>'
NUMBERING = (
    '<w:abstractNum w:abstractNumId="3"><w:lvl w:ilvl="0"><w:start w:val="1"/><w:numFmt w:val="upperRoman"/>'
    '<w:lvlText w:val="Chapter %1"/></w:lvl><w:lvl w:ilvl="1"><w:start w:val="1"/><w:numFmt w:val="decimal"/>'
    '<w:lvlText w:val="%1.%2."/></w:lvl></w:abstractNum><w:num w:numId="7"><w:abstractNumId w:val="3"/></w:num>'
)
STYLES = (
    '<w:style w:styleId="H"><w:name w:val="Heading 1"/></w:style>'
    '<w:style w:styleId="Own"><w:name w:val="Chapter Opening"/></w:style>'
    '<w:style w:styleId="Loud"><w:name w:val="Loud"/><w:rPr><w:b/></w:rPr></w:style>'
)
CENTRED, BOLD = '<w:jc w:val="center"/>', "<w:b/>"


def write(body: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("word/document.xml", f"<w:document {WORD}><w:body>{body}</w:body></w:document>")
        archive.writestr("word/styles.xml", f"<w:styles {WORD}>{STYLES}</w:styles>")
        archive.writestr("word/numbering.xml", f"<w:numbering {WORD}>{NUMBERING}</w:numbering>")
    return target.getvalue()


def p(text: str, style: str = "", properties: str = "", run: str = "") -> str:
    styled = f'<w:pStyle w:val="{style}"/>' if style else ""
    return f"<w:p><w:pPr>{styled}{properties}</w:pPr><w:r><w:rPr>{run}</w:rPr><w:t>{text}</w:t></w:r></w:p>"


def table(*cells: str) -> str:
    return f"<w:tbl><w:tr>{''.join(f'<w:tc>{p(cell)}</w:tc>' for cell in cells)}</w:tr></w:tbl>"


def read_paragraphs(read: Read, body: str) -> list[str]:
    (part,) = read(write(body), "book.docx").parts
    return part.text.split("\n\n")


def read_headings(read: Read, body: str) -> list[str]:
    (part,) = read(write(body), "book.docx").parts
    return [section.heading for section in part.sections]


def read_left_out(read: Read, body: str) -> str:
    return " ".join(finding.message for finding in read(write(body), "book.docx").findings)


def chapter(number: int) -> str:
    return "".join(p(f"He went home by the river {number} and saw the lamp {line} times.") for line in range(40))


def test_prose_in_a_table_is_read_in_its_place_and_data_is_counted(read: Read) -> None:
    prose = table("He said that he would come.", "She did not believe one word.")
    body = p("One.") + prose + table("a lamp", "2 d.", "7") + p("Two.")
    assert read_paragraphs(read, body) == [
        "One.", "He said that he would come.", "She did not believe one word.", "Two."
    ]  # fmt: skip
    assert "1 tables (5 words)" in read_left_out(read, body)


def test_a_text_box_is_read_once_behind_its_paragraph(read: Read) -> None:
    body = p("One.") + BOX.format(p("In the box.") + p("And more."), "Beside it.") + p("Two.")
    assert read_paragraphs(read, body) == ["One.", "Beside it.", "In the box.", "And more.", "Two."]
    assert read_left_out(read, body) == ""
    old = "<w:p><w:r><w:pict><v:textbox><w:txbxContent>{}</w:txbxContent></v:textbox></w:pict></w:r></w:p>"
    assert read_paragraphs(read, p("One.") + old.format(p("In the box."))) == ["One.", "", "In the box."]


def test_readings_of_characters_do_not_train(read: Read) -> None:
    body = f"<w:p><w:r><w:t>私は</w:t></w:r>{RUBY.format('漢字', 'かんじ')}<w:r><w:t>を読む。</w:t></w:r></w:p>"
    assert read_paragraphs(read, body) == ["私は漢字を読む。"]
    assert "1 readings" in read_left_out(read, body)


def test_deleted_words_are_counted(read: Read) -> None:
    gone = "<w:p><w:r><w:t>He </w:t></w:r><w:del><w:r><w:delText>ran very fast </w:delText></w:r></w:del></w:p>"
    assert read_paragraphs(read, gone + p("went.")) == ["He", "went."]
    assert "1 deleted pieces (3 words)" in read_left_out(read, gone + p("went."))


def test_paragraphs_are_joined_where_the_end_between_them_was_deleted(read: Read) -> None:
    joined = p("He went ", "", "<w:rPr><w:del/></w:rPr>")
    assert read_paragraphs(read, joined + p("home.") + p("Two.") + joined) == ["He went home.", "Two.", "He went"]
    assert read_paragraphs(read, joined + table("He said that he would come.") + p("Two."))[0] == "He went"


def test_automatic_numbers_name_chapters(read: Read) -> None:
    first, deeper = NUMBERED.format(0), NUMBERED.format(1)
    body = p("", "H", first) + p("One.") + p("The Sea", "H", first) + p("Two.") + p("", "H", deeper) + p("Three.")
    assert read_headings(read, body) == ["Chapter I", "Chapter II: The Sea", "II.1."]


def test_bold_centred_and_own_styles_mark_chapters(read: Read) -> None:
    looks: list[tuple[str, str, str]] = [("", CENTRED, ""), ("", "", BOLD), ("Own", "", ""), ("Loud", "", "")]
    for look in looks:
        body = "".join(p(name, *look) + chapter(number) for number, name in enumerate(("Rain", "Snow", "Wind")))
        assert read_headings(read, p("The Sea", "", CENTRED, BOLD) + body) == ["", "Rain", "Snow", "Wind"]


def test_a_look_without_chapters_behind_it_is_story(read: Read) -> None:
    letters = "".join(p("FIRE", "", CENTRED) + p("He read it aloud and went on.") for _ in range(20)) + chapter(1)
    assert read_headings(read, letters) == []
    speech = "".join(p("“Halt!”", "", CENTRED) + chapter(number) for number in range(4))
    assert read_headings(read, speech) == []
    two = "".join(p(name, "", "", BOLD) + chapter(1) for name in ("Rain", "Snow"))
    assert read_headings(read, two) == []


SHAPES: list[Callable[[str], str]] = [
    p,
    lambda text: p(text, "H"),
    lambda text: p(text, "", CENTRED, BOLD),
    lambda text: p(text, "", "", "<w:vanish/>"),
    lambda text: table(text, "7"),
    lambda text: p(f"{text} ", "", "<w:rPr><w:del/></w:rPr>"),
    lambda text: BOX.format(p(text), "So."),
    lambda text: BOX.format(table(text, "7"), "So."),
    lambda text: f"<w:sdt><w:sdtContent>{p(text)}</w:sdtContent></w:sdt>",
    lambda text: f"<w:p><w:del><w:r><w:delText>{text}</w:delText></w:r></w:del></w:p>",
    lambda text: f"<w:p><w:ins><w:r><w:t>{text}</w:t></w:r></w:ins></w:p>",
    lambda text: f"<w:p>{RUBY.format('x', text)}</w:p>",
    lambda text: p(text, "TOC1"),
]


@given(seed=st.integers(0, 2**16), shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_word_comes_out_or_is_counted(
    read: Read,
    words_left_out: Callable[[Manuscript], int],
    unique_texts: Callable[[int, int], list[str]],
    seed: int,
    shapes: list[Callable[[str], str]],
) -> None:
    texts = unique_texts(seed, len(shapes))
    body = p("Start.") + " ".join(shape(text) for shape, text in zip(shapes, texts, strict=True))
    manuscript = read(write(body), "a.docx")
    lost = set(" ".join(texts).split()) - set(manuscript.parts[0].text.split())
    assert len(lost) <= words_left_out(manuscript)
