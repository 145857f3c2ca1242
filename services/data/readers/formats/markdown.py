"""Markdown, according to CommonMark, with exceptions for prose.

An indented line is not code, and a dash or a number that begins a paragraph stays, since it may be speech or a year.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from markdown_it import MarkdownIt
from markdown_it.token import Token

from scriptorium.contracts import Finding
from services.data.cleaning.line_breaks import PassageKind, judge_book, judge_passages, measure_width
from services.data.passage import PARAGRAPH_BREAK
from services.data.readers.decode import decode
from services.data.readers.formats.html import feed_html
from services.data.readers.formats.obsidian import strip_obsidian
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import SCENE_BREAK, Structure

METADATA = re.compile(r"\A---[ \t]*\n(?:[^\n]*\n){0,200}?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
FOOTNOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:[^\n]*(?:\n[ \t]+\S[^\n]*)*", re.MULTILINE)
FOOTNOTE_MARK = re.compile(r"\[\^[^\]\s]{1,40}\]")
LINE_BREAK = re.compile(r"<br\b", re.IGNORECASE)
KEPT_BREAKS = {PassageKind.VERSE: "\n", PassageKind.PARAGRAPHS: PARAGRAPH_BREAK}
MAX_TITLE_CHARACTERS = 200  # a longer text with a rule right under it is a paragraph, not a heading


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """Return the parser, built once."""
    return MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").disable("code")


def read_markdown(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    text, encoding_findings = decode(entry.read(), entry.name)
    structure = Structure(entry.name)
    for name, pattern in (("metadata blocks", METADATA), ("footnotes", FOOTNOTE), ("footnote marks", FOOTNOTE_MARK)):
        text, count = pattern.subn("", text)  # before parsing, or a footnote would count as the target of a link
        structure.left_out.update({name: count} if count else {})
    tokens = parser().parse(strip_obsidian(text, structure.left_out))
    keep_line_breaks(tokens)
    add_tokens(tokens, structure)
    findings += [*encoding_findings, *structure.findings()]
    yield structure.make_part()


def keep_line_breaks(tokens: Sequence[Token]) -> None:
    """Mark the single line breaks of verse, and those of writers for whom each line is a paragraph, as in Obsidian."""
    texts = [token for token in tokens if token.type == "inline" and token.content]
    passages = [token.content.split("\n") for token in texts]
    width = measure_width([len(line) for lines in passages for line in lines])
    for token, kind in zip(texts, judge_passages(passages, width, judge_book(passages, width)), strict=True):
        for child in token.children or []:
            if child.type == "softbreak":
                child.content = KEPT_BREAKS.get(kind, " ")


def add_tokens(tokens: Sequence[Token], structure: Structure) -> None:
    """Add the content of a text's tokens to a structure."""
    heading: Token | None = None
    mark, in_table = "", False
    for token in tokens:
        if token.type in ("table_open", "table_close"):
            in_table = token.type == "table_open"
            structure.left_out["tables"] += in_table
        elif in_table:
            continue
        elif token.type == "list_item_open":
            mark = f"{token.info}{token.markup} " if token.info or token.markup == "-" else ""
        elif token.type == "heading_open":
            heading = token
        elif token.type == "inline":
            add_text(mark + join_inline(token.children or [], structure), heading, structure)
            heading, mark = None, ""
        else:
            add_other(token, structure)


def add_text(text: str, heading: Token | None, structure: Structure) -> None:
    """Add a paragraph or a heading."""
    if heading and (heading.markup.startswith("#") or len(text) <= MAX_TITLE_CHARACTERS):
        structure.add_heading(int(heading.tag[1]), text)
    elif text.strip():
        for paragraph in text.split(PARAGRAPH_BREAK):
            structure.add_paragraph(paragraph)


def add_other(token: Token, structure: Structure) -> None:
    """Add what is not text: a rule between scenes, code, the writer's own HTML."""
    if token.type == "hr":
        structure.add_paragraph(SCENE_BREAK)
    elif token.type == "fence":
        structure.left_out["code blocks"] += 1
    elif token.type == "html_block" and not token.content.lstrip().startswith("<!--"):
        feed_html(token.content, structure)


def join_inline(children: Sequence[Token], structure: Structure) -> str:
    """Return the text of a paragraph, without the signs around it."""
    pieces = []
    for child in children:
        if child.type in ("text", "code_inline", "text_special"):
            pieces.append(child.content)
        elif child.type == "hardbreak" or (child.type == "html_inline" and LINE_BREAK.match(child.content)):
            pieces.append("\n")
        elif child.type == "softbreak":
            pieces.append(child.content)
        elif child.type == "image":
            structure.left_out["images"] += 1
    return "".join(pieces)
