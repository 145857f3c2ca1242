"""EPUB: the contents name chapters that no heading does, title pages do not train, and nothing goes uncounted."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.data.readers import Manuscript

Read = Callable[[bytes | str, str], Manuscript]
Links = Sequence[tuple[str, str]]

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PAGE = (
    '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"><head>'
    "<title>No</title></head><body>{}</body></html>"
)


def write_ncx(links: Links) -> str:
    points = (f'<navPoint><navLabel><text>{title}</text></navLabel><content src="{target}"/></navPoint>'
              for target, title in links)  # fmt: skip
    return f"<ncx><navMap>{''.join(points)}</navMap></ncx>"


def write_nav(links: Links) -> str:
    items = "".join(f'<li><a href="{target}">{title}</a></li>' for target, title in links)
    return f"<html><body><nav><ol>{items}</ol></nav></body></html>"


def write(documents: Mapping[str, str], ncx: Links = (), nav: Links = (), guide: str = "") -> bytes:
    items = "".join(f'<item id="{n}" href="{n}" media-type="application/xhtml+xml"/>' for n in documents)
    items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>' if ncx else ""
    items += '<item id="nav" href="nav.xhtml" properties="nav" media-type="application/xhtml+xml"/>' if nav else ""
    spine = "".join(f'<itemref idref="{name}"/>' for name in documents)
    files = {f"OPS/{name}": PAGE.format(body) for name, body in documents.items()} | {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": f"<package><manifest>{items}</manifest><spine>{spine}</spine><guide>{guide}</guide></package>",
        "OPS/toc.ncx": write_ncx(ncx),
        "OPS/nav.xhtml": write_nav(nav),
    }
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return target.getvalue()


def read_sections(read: Read, raw: bytes) -> list[tuple[str, list[str]]]:
    (part,) = read(raw, "book.epub").parts
    return [(section.heading, section.paragraphs) for section in part.sections]


ONE_FILE = '<p id="a">He went.</p><p>Far.</p><p><a id="b"/>She stayed.</p><div id="c"><p>They met.</p></div>'
THREE = [("a.xhtml#a", "The River"), ("a.xhtml#b", "The Sea"), ("a.xhtml#c", "Home")]


@pytest.mark.parametrize("contents", ["ncx", "nav"])
def test_several_chapters_in_one_file_are_found_by_the_contents(read: Read, contents: str) -> None:
    raw = write({"a.xhtml": ONE_FILE}, **{contents: THREE})
    assert read_sections(read, raw) == [
        ("The River", ["He went.", "Far."]), ("The Sea", ["She stayed."]), ("Home", ["They met."])
    ]  # fmt: skip


def test_titles_typed_as_paragraphs_do_not_train(read: Read) -> None:
    first = '<p class="para1"><span>CHAPTER I</span></p><p class="para1">The River</p><p class="para2">He went.</p>'
    second = '<p class="para1" id="x">Chapter II.</p><p class="para2">She stayed.</p>'
    contents = [("a.xhtml", "Chapter I: The River"), ("b.xhtml#x", "Chapter II")]
    assert read_sections(read, write({"a.xhtml": first, "b.xhtml": second}, ncx=contents)) == [
        ("Chapter I: The River", ["He went."]), ("Chapter II", ["She stayed."])
    ]  # fmt: skip


def test_headings_of_the_text_are_not_repeated(read: Read) -> None:
    text = '<section id="a"><h2>I</h2><p>He went.</p></section><h2>II</h2><p id="b">She stayed.</p>'
    raw = write({"a.xhtml": text}, ncx=[("a.xhtml#a", "One"), ("a.xhtml#b", "II")])
    assert read_sections(read, raw) == [("I", ["He went."]), ("II", ["She stayed."])]


def test_standard_ebooks_titles_name_chapters_and_their_pages_are_left_out(
    read: Read, words_left_out: Callable[[Manuscript], int]
) -> None:
    chapter = (
        '<section epub:type="chapter"><hgroup><h2 epub:type="ordinal z3998:roman">{}</h2><p epub:type="title">{}</p>'
    )
    chapter += "</hgroup><p>{}</p></section>"
    raw = write(
        {
            "t.xhtml": '<section epub:type="titlepage"><h1>The Sea</h1><p>By Jo</p></section>',
            "i.xhtml": '<section epub:type="imprint"><p>Made with care.</p></section>',
            "d.xhtml": '<section epub:type="dedication"><p>To Anna.</p></section>',
            "1.xhtml": chapter.format("I", "Out", "He went."),
            "2.xhtml": chapter.format("II", "In", "She stayed."),
            "c.xhtml": '<section epub:type="colophon"><h2>Colophon</h2><p>Set in type.</p></section>',
        },
        nav=[("t.xhtml", "Titlepage"), ("i.xhtml", "Imprint"), ("1.xhtml", "I: Out"), ("2.xhtml", "II: In")],
    )
    assert read_sections(read, raw) == [("I", []), ("Out", ["He went."]), ("II", []), ("In", ["She stayed."])]
    assert words_left_out(read(raw, "book.epub")) == 13


def test_pages_that_the_guide_names_are_left_out_if_they_are_short(read: Read) -> None:
    guide = '<reference type="title-page" href="t.xhtml"/><reference type="copyright-page" href="2.xhtml"/>'
    long = "<h2>Two</h2><p>" + "She stayed at home. " * 400 + "</p>"
    documents = {"t.xhtml": "<p>The Sea by Jo</p>", "1.xhtml": "<h2>One</h2><p>He went.</p>", "2.xhtml": long}
    manuscript = read(write(documents, guide=guide), "book.epub")
    assert [section.heading for section in manuscript.parts[0].sections] == ["One", "Two"]
    assert "1 title pages (4 words)" in manuscript.findings[0].message


SHAPES = [
    '<p id="i{1}">{0}</p>', '<h2 id="i{1}">{0}</h2>', '<p><a id="i{1}"/>{0}</p>', "<p>{0}</p>",
    '<section epub:type="imprint" id="i{1}"><p>{0}</p></section>', '<div id="i{1}"><p>T{1}</p><p>{0}</p></div>',
    '<aside id="i{1}">{0}</aside>', '<hgroup id="i{1}"><h2>T{1}</h2><p epub:type="title">{0}</p></hgroup>',
    '<table id="i{1}"><tr><td>{0}</td></tr></table>',
]  # fmt: skip


@given(seed=st.integers(0, 2**16), shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_every_word_comes_out_or_is_counted(
    read: Read,
    words_left_out: Callable[[Manuscript], int],
    unique_texts: Callable[[int, int], list[str]],
    seed: int,
    shapes: list[str],
) -> None:
    texts = unique_texts(seed, len(shapes))
    blocks = [shape.format(text, number) for number, (shape, text) in enumerate(zip(shapes, texts, strict=True))]
    middle = seed % len(blocks)
    documents = {"a.xhtml": "<p>Start.</p>" + "".join(blocks[:middle]), "b.xhtml": "".join(blocks[middle:])}
    links = [(f"{'a' if number < middle else 'b'}.xhtml#i{number}", f"T{number}") for number in range(len(blocks))]
    manuscript = read(write(documents, ncx=links), "a.epub")
    lost = set(" ".join(texts).split()) - set(manuscript.parts[0].text.split())
    assert len(lost) <= words_left_out(manuscript)
