"""HTML of word processors: comments, deleted words and title pages do not train; titles name chapters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.data.readers import Manuscript

Read = Callable[[bytes | str, str], Manuscript]

COMMENTED = (
    '<body><p class="c1 title" id="h.1"><span>The Sea</span></p><p class="c2 subtitle"><span>A novel</span></p>'
    "<h1>One</h1>"
    '<p>He went home.<sup><a href="#cmnt1" id="cmnt_ref1">[a]</a></sup><sup><a href="#ftnt1" id="ftnt_ref1">[1]</a>'
    '</sup></p><h1>Two</h1><p>She stayed.</p><hr><div><p><a href="#ftnt_ref1" id="ftnt1">[1]</a> Which home?</p></div>'
    '<div class="c9"><p><a href="#cmnt_ref1" id="cmnt1">[a]</a><span>Is this too short?</span></p><p>Think.</p></div>'
    "</body>"
)


def read_sections(read: Read, body: str) -> list[tuple[str, list[str]]]:
    (part,) = read(body, "book.html").parts
    return [(section.heading, section.paragraphs) for section in part.sections]


def read_left_out(read: Read, body: str) -> str:
    return " ".join(finding.message for finding in read(body, "book.html").findings)


def test_comments_and_footnotes_of_google_docs_do_not_train(read: Read) -> None:
    assert read_sections(read, COMMENTED) == [
        ("The Sea", []), ("A novel", []), ("One", ["He went home."]), ("Two", ["She stayed.", "* * *"])
    ]  # fmt: skip
    message = read_left_out(read, COMMENTED)
    assert "1 comment marks" in message and "1 comments (5 words)" in message
    assert "1 footnote marks" in message and "1 footnotes (3 words)" in message


def test_a_story_around_a_comment_is_kept(read: Read) -> None:
    comment = '<p><a href="#cmnt_ref1" id="cmnt1">[a]</a>No.</p>'
    body = f"<div><h1>One</h1><p>He went.</p>{comment}<h1>Two</h1><p>She stayed.</p></div>"
    assert read_sections(read, body) == [("One", ["He went."]), ("Two", ["She stayed."])]


def test_deleted_words_go_and_struck_ones_stay(read: Read) -> None:
    body = "<p>He <del>ran fast</del><ins>went</ins> <s>home</s> <strike>again</strike>.</p>"
    assert read(body, "book.html").parts[0].text == "He went home again."
    assert "1 deleted pieces (2 words)" in read_left_out(read, body)


PAGES = [
    'section epub:type="titlepage"', 'div class="TitlePage"', 'div role="doc-dedication"',
    'section epub:type="frontmatter imprint"', 'div epub:type="halftitlepage"',
    'section epub:type="backmatter colophon"', 'section epub:type="epigraph"',
]  # fmt: skip


@pytest.mark.parametrize("page", PAGES)
def test_pages_before_and_behind_the_story_are_left_out_and_counted(read: Read, page: str) -> None:
    tag = page.partition(" ")[0]
    chapters = "<h2>One</h2><p>He went.</p><h2>Two</h2><p>She stayed.</p>"
    body = f"<{page}><h1>The Sea</h1><p>By <b>Jo Doe</b></p></{tag}>{chapters}"
    assert read_sections(read, body) == [("One", ["He went."]), ("Two", ["She stayed."])]
    assert "(5 words)" in read_left_out(read, body)


def test_a_story_that_says_it_is_a_title_page_is_kept(read: Read) -> None:
    story = "<p>He went home by the river.</p>" * 200
    assert len(read_sections(read, f"<div class='titlepage'><h1>A</h1>{story}<h1>B</h1>{story}</div>")) == 2


def test_a_group_of_headings_names_a_chapter_and_does_not_train(read: Read) -> None:
    group = '<hgroup><h2 epub:type="ordinal">{0}</h2><p epub:type="title">The {1}</p></hgroup>'
    chapter = f"<section>{group}<p>He.</p></section>"
    body = chapter.format("I", "River") + chapter.format("II", "Sea")
    assert read_sections(read, body) == [
        ("I", []), ("The River", ["He."]), ("II", []), ("The Sea", ["He."])
    ]  # fmt: skip
    turned = "<hgroup><p>Chapter {0}</p><h2>The {1}</h2></hgroup><p>He.</p>"
    body = turned.format("1", "River") + turned.format("2", "Sea")
    assert [heading for heading, _ in read_sections(read, body)] == ["Chapter 1", "The River", "Chapter 2", "The Sea"]


def test_titles_by_class_are_headings_where_no_others_are(read: Read) -> None:
    body = '<p class="title">One</p><p>He went.</p><p class="title">Two</p><p>She stayed.</p>'
    assert read_sections(read, body) == [("One", ["He went."]), ("Two", ["She stayed."])]
    song = '<h1>One</h1><p>He sang:</p><p class="title">The Song</p><p>La.</p><h1>Two</h1><p>She stayed.</p>'
    assert read_sections(read, song)[0] == ("One", ["He sang:", "The Song", "La."])


SHAPES = [
    "<p>{}</p>", "<div>{}</div>", "<h3>{}</h3>", "<table><tr><td>{}</td><td>7</td></tr></table>", "<del>{}</del>",
    "<blockquote><p>{}</p></blockquote>", "<aside>{}</aside>", "<figure><figcaption>{}</figcaption></figure>",
    '<p class="title">{}</p>', '<div class="dedication"><p>{}</p></div>', "<hgroup><p>{}</p><h2>Z</h2></hgroup>",
    '<div><p><a id="cmnt1" href="#cmnt_ref1">[a]</a>{}</p></div>', "<footer>{}</footer>", "<p hidden>{}</p>",
    "<ruby>x<rt>{}</rt></ruby>", "<ul><li>{}</li></ul>", "<nav><p>{}</p></nav>", "<pre>{}</pre>", "{}",
]  # fmt: skip


@given(seed=st.integers(0, 2**16), shapes=st.lists(st.sampled_from(SHAPES), min_size=1, max_size=8))
@settings(max_examples=80, deadline=None)
def test_every_word_comes_out_or_is_counted(
    read: Read,
    words_left_out: Callable[[Manuscript], int],
    unique_texts: Callable[[int, int], list[str]],
    seed: int,
    shapes: list[str],
) -> None:
    texts = unique_texts(seed, len(shapes))
    body = "<p>Start.</p>" + " ".join(shape.format(text) for shape, text in zip(shapes, texts, strict=True))
    manuscript = read(body, "a.html")
    lost = set(" ".join(texts).split()) - set(manuscript.parts[0].text.split())
    assert len(lost) <= words_left_out(manuscript)
