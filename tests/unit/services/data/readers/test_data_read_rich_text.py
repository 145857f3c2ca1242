"""Rich text and Scrivener projects read back as they were written; what is not prose is counted."""

from pathlib import Path

import pytest

from scriptorium.errors import InvalidTrainingFile
from services.data.readers import Manuscript, read_manuscript
from tests.unit.services.data.readers.test_data_read_formats import pack, read, read_book

HEAD = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0\froman\fcharset0 Times;}{\f1\froman\fcharset204 Times CE;}"
    r"{\f2\fnil\fcharset128 Mincho;}}{\colortbl;\red0\green0\blue0;}{\stylesheet{\ql Normal;}"
    r"{\s1\outlinelevel0 \'dcberschrift 1;}{\s2\ql heading 2;}{\s3 toc 1;}{\*\cs10 Default;}}"
    r"{\info{\title The Sea}{\author Ann}}"
)


def rtf(body: str) -> bytes:
    return f"{HEAD}{body}}}".encode("ascii")


def read_text(body: str) -> str:
    (part,) = read(rtf(body), "book.rtf").parts
    return part.text


def left_out(manuscript: Manuscript) -> str:
    return next((finding.message for finding in manuscript.findings if finding.code == "markup_left_out"), "")


def test_headings_are_those_of_styles_and_outline_levels() -> None:
    body = (
        r"\pard\s1 One\par\pard It rained.\par{\pard\s2 Two\par}\pard It {\b snowed}.\par"
        r"\pard\outlinelevel0 3\par\pard Sun."
    )
    assert read_book(rtf(body), "book.rtf") == [
        ("One", ["It rained."]), ("Two", ["It snowed."]), ("3", ["Sun."]),
    ]  # fmt: skip
    assert read(rtf(body), "book.rtf").stated_title == "The Sea"


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (r"caf\'e9 \u8220?Oh\u8221?\emdash no\~one", "café “Oh”—no\xa0one".replace("\xa0", " ")),
        (r"{\f1 \'cc\'ee\'f0\'e5} {\f2 \'8a\'43}", "Море 海"),
        (r"\uc2\u269\'63\'63ek {\uc0\u8364} \uc1\u-10179 ?\u-8704 ?", "ček € 😀"),
        ("one\\\ntwo\\par three\\line four", "one\n\ntwo\n\nthree\nfour"),
        (r"it{\*\bkmkstart a} {\field{\*\fldinst HYPERLINK x}{\fldrslt linked}}\-ed", "it linkeded"),
        (r"a {\shp{\*\shpinst{\sp{\sn w}{\sv 1}}{\shptxt boxed\par}}} text", "a boxed\n\ntext"),
        (r"\pard{\listtext 1.\tab}one\par{\listtext \'95\tab}two", "1. one\n\ntwo"),
        (r"{\pict\bin9 }}}}}}}}}x}one\{\}\\", "one{}\\"),
        (r"one\page two", "one\n\n\f\n\ntwo"),
    ],
)
def test_characters_and_groups_read_as_word_shows_them(body: str, text: str) -> None:
    assert read_text(body) == text


def test_what_is_not_prose_is_counted() -> None:
    body = (
        r"{\header Running head}It{\footnote A note.} rained.{\v hidden}{\deleted gone}{\pict 00ff}\par"
        r"{\pard\s3 Contents\par}\pard\intbl 1\cell 2\cell\row\pard It stopped.\par"
    )
    manuscript = read(rtf(body), "book.rtf")
    assert manuscript.parts[0].text == "It rained.\n\nIt stopped."
    for name in ("footnotes", "hidden pieces", "deleted pieces", "images", "tables", "lines of contents"):
        assert f"1 {name}" in left_out(manuscript), name


def test_a_table_with_prose_is_kept() -> None:
    body = rf"\pard\intbl {'rain ' * 60}\cell 2\cell\row\pard It stopped.\par"
    assert "rain rain" in read_text(body)


@pytest.mark.parametrize("raw", [b"no rtf", HEAD.encode() + b"It rained.", b"{\\rtf1" + b"{" * 5000, b"{\\rtf1}"])
def test_a_file_that_is_no_rich_text_or_is_cut_off_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidTrainingFile):
        read(raw, "book.rtf")


def item(key: str, title: str, kind: str, children: str = "", compiled: str = "Yes") -> str:
    meta = f"<MetaData><IncludeInCompile>{compiled}</IncludeInCompile></MetaData>"
    inside = f"<Children>{children}</Children>" if children else ""
    return f'<BinderItem UUID="{key}" Type="{kind}"><Title>{title}</Title>{meta}{inside}</BinderItem>'


BINDER = (
    "<ScrivenerProject><Binder>"
    + item("D", "Draft", "DraftFolder",
           item("A", "The Storm", "Folder", item("B", "Rain", "Text") + item("C", "Old idea", "Text", compiled="No"))
           + item("E", "The Calm", "Folder", item("F", "Sun", "Text")))
    + item("R", "Research", "ResearchFolder", item("G", "Ships", "Text"))
    + item("T", "Trash", "TrashFolder")
    + "</Binder></ScrivenerProject>"
)  # fmt: skip


def project(folder: str = "Sea.scriv/", form: str = "Files/Data/{}/content.rtf") -> dict[str, str]:
    texts = {
        "B": r"It rained.\par{\*\x y}<$Scr_Cs::0>All night.<!$Scr_Cs::0>",
        "C": "Never.",
        "F": r"The sun \{\\Scrv_annot check\\end_Scrv_annot\}rose.",
        "G": "Ships are big.",
    }
    files = {form.format(key): rtf(body).decode() for key, body in texts.items()}
    files |= {"Sea.scrivx": BINDER, "Files/Data/B/notes.rtf": rtf("My note.").decode(), "Files/version.txt": "16"}
    return {folder + name: text for name, text in files.items()}


STORY = [("The Storm", []), ("Rain", ["It rained.", "All night."]), ("The Calm", []), ("Sun", ["The sun rose."])]


@pytest.mark.parametrize("folder", ["", "Sea.scriv/", "books/Sea.scriv/"])
@pytest.mark.parametrize("form", ["Files/Data/{}/content.rtf", "Files/Docs/{}.rtf"])
def test_the_draft_of_a_project_is_read_in_the_order_of_its_binder(folder: str, form: str) -> None:
    raw = pack(project(folder, form))
    assert read_book(raw, "Sea.scriv.zip") == STORY
    manuscript = read(raw, "Sea.scriv.zip")
    assert len(manuscript.findings) == 1
    assert "1 comments (2 words), 1 documents outside the Draft, 1 documents that are not incl" in left_out(manuscript)


def test_a_project_as_a_folder_beside_other_books(tmp_path: Path) -> None:
    for name, text in (project("Sea.scriv/") | {"other.txt": "Another book."}).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [part.name for part in read_manuscript(tmp_path, "books").parts] == ["other.txt", "Sea.scriv/Sea.scrivx"]
    (part,) = read_manuscript(tmp_path / "Sea.scriv", "Sea.scriv").parts
    assert [(section.heading, section.paragraphs) for section in part.sections] == STORY


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"Sea.scrivx": BINDER}, "without its texts"),
        (project() | {"Sea.scriv/Sea.scrivx": "<ScrivenerProject><Bin"}, "damaged"),
        (project() | {"Sea.scriv/Sea.scrivx": "<a/>"}, "no Draft folder"),
        (project() | {"Sea.scriv/Files/Data/B/content.rtf": "{\\rtf1 It"}, "damaged text, Sea.scriv/Files/Data/B/"),
    ],
)
def test_a_broken_project_is_one_problem(files: dict[str, str], message: str) -> None:
    with pytest.raises(InvalidTrainingFile, match=message) as caught:
        read(pack(files), "Sea.zip")
    assert len(caught.value.problems) == 1
