"""The ways in which a writer's novel lies in a file, each made from the same chapters, so that the truth is known.

A layout is the name of a file and a function that writes a novel as its text. None of them breaks a word, or adds one
but the title page, which is no story.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Callable

from bench.cut_chapters import ChapteredNovel, TrueChapter
from scriptorium.text.word_spans import has_unspaced

COLUMNS = 72
UNSPACED_COLUMNS = 36  # of letters that are twice as wide

WriteNovel = Callable[[ChapteredNovel], str]


def write_lines(novel: ChapteredNovel) -> str:
    """Write a paragraph a line, with a blank line between them: what most word processors export."""
    return join_chapters(novel, lambda chapter: "\n\n".join(chapter.paragraphs))


def write_wrapped(novel: ChapteredNovel) -> str:
    """Write lines of one width, as plain-text libraries have them."""
    return join_chapters(novel, lambda chapter: "\n\n".join(map(wrap_paragraph, chapter.paragraphs)))


def write_newlines(novel: ChapteredNovel) -> str:
    """Write a paragraph a line without blank lines between them."""
    return join_chapters(novel, lambda chapter: "\n".join(chapter.paragraphs))


def write_markdown(novel: ChapteredNovel) -> str:
    """Write the headings as Markdown's."""
    chapters = (
        "\n\n".join([f"# {' '.join(chapter.heading)}", *chapter.paragraphs]) for chapter in novel.chapters
    )  # fmt: skip
    return "\n\n".join(chapters) + "\n"


def write_html(novel: ChapteredNovel) -> str:
    """Write a page of a website or of a converter."""
    body = [f"<h1>{html.escape(novel.title)}</h1>"]
    for chapter in novel.chapters:
        body.append(f"<h2>{'<br>'.join(map(html.escape, chapter.heading))}</h2>")
        body += [f"<p>{html.escape(text)}</p>" for text in chapter.paragraphs]
    head = f'<!DOCTYPE html><html lang="{novel.language}"><head><meta charset="utf-8"></head>'
    return "\n".join([head, "<body>", *body, "</body></html>"]) + "\n"


def join_chapters(novel: ChapteredNovel, write: Callable[[TrueChapter], str]) -> str:
    """Write the title page and the chapters under their headings, with wide gaps before each."""
    chapters = ("\n\n".join([*chapter.heading, write(chapter)]) for chapter in novel.chapters)
    return "\n\n\n".join([novel.title, novel.author, *chapters]) + "\n"


def wrap_paragraph(paragraph: str) -> str:
    """Wrap a paragraph between words, or between letters where no spaces part words."""
    if has_unspaced(paragraph):
        starts = range(0, len(paragraph), UNSPACED_COLUMNS)
        return "\n".join(paragraph[start : start + UNSPACED_COLUMNS] for start in starts)
    return textwrap.fill(paragraph, COLUMNS, break_long_words=False, break_on_hyphens=False)


LAYOUTS: dict[str, WriteNovel] = {
    "lines.txt": write_lines,
    "wrapped.txt": write_wrapped,
    "newlines.txt": write_newlines,
    "headings.md": write_markdown,
    "page.html": write_html,
}
