"""Markdown: its grammar for prose is in markdown_grammar.py; what is left out is counted with its words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from markdown_it.token import Token

from scriptorium.contracts import Finding
from services.data.cleaning.line_breaks import PassageKind, judge_book, judge_passages, measure_width
from services.data.passage import PARAGRAPH_BREAK
from services.data.readers.decode import decode
from services.data.readers.formats.html import feed_html
from services.data.readers.formats.html_kinds import LEFT_OUT, VOID_TAGS
from services.data.readers.formats.markdown_grammar import TAG, is_tag, parser
from services.data.readers.formats.obsidian import OBSIDIAN_PIECES, strip_links
from services.data.readers.manuscript import Part
from services.data.readers.sources import Entry
from services.data.readers.structure import SCENE_BREAK, Structure

METADATA = re.compile(  # a story may begin with a rule, too
    r"\A---[ \t]*\n(?=[\w-]+:)(?:(?=[\w -]{1,40}:[ \t\n]|[ \t#\n]|- )[^\n]*\n){0,200}?"  # one way to read a line
    r"(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
FOOTNOTE = re.compile(r"^\[\^[^\]\s]{1,40}\]:[^\n]*(?:\n[ \t]+\S[^\n]*)*", re.MULTILINE)
FOOTNOTE_MARK = re.compile(r"\[\^[^\]\s]{1,40}\]")
COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
BEFORE_PARSING = {  # or a footnote would count as the target of a link
    "metadata blocks": METADATA,
    "footnotes": FOOTNOTE,
    "footnote marks": FOOTNOTE_MARK,
}
MARKS = ("footnote marks", "images", "marks of blocks")  # have no words of the book
LINE_BREAK = re.compile(r"<br\b", re.IGNORECASE)
KEPT_BREAKS = {PassageKind.VERSE: "\n", PassageKind.PARAGRAPHS: PARAGRAPH_BREAK}


def read_markdown(entry: Entry, findings: list[Finding]) -> Iterator[Part]:
    """Read a file; raises Unreadable or FileTooLarge."""
    text, encoding_findings = decode(entry.read(), entry.name)
    structure = Structure(entry.name)
    for name, pattern in (BEFORE_PARSING | OBSIDIAN_PIECES).items():
        text = take_out(name, pattern, text, structure)
    tokens = parser().parse(strip_links(text))
    keep_line_breaks(tokens)
    add_tokens(tokens, structure)
    findings += [*encoding_findings, *structure.findings()]
    yield structure.make_part()


def take_out(name: str, pattern: re.Pattern[str], text: str, structure: Structure) -> str:
    """Return a text without what matches a pattern, which is counted."""

    def count(match: re.Match[str]) -> str:
        structure.leave_out(name, "" if name in MARKS else match.group())
        return ""

    return pattern.sub(count, text)


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
    mark, table_start = "", 0
    for token in tokens:
        if token.type == "table_open":
            table_start = len(structure.pieces)
        elif token.type == "table_close":
            structure.drop_table(table_start)
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
    if heading:
        structure.add_heading(int(heading.tag[1]), text)
    elif text.strip():
        for paragraph in text.split(PARAGRAPH_BREAK):
            structure.add_paragraph(paragraph)


def add_other(token: Token, structure: Structure) -> None:
    """Add what is not text: a rule between scenes, code, the writer's own HTML."""
    if token.type == "hr":
        structure.add_paragraph(SCENE_BREAK)
    elif token.type == "fence":
        structure.leave_out("code blocks", token.content)
    elif token.type == "html_block":
        html = take_out("comments", COMMENT, token.content, structure)
        html = TAG.sub(lambda tag: tag.group() if is_tag(tag.group()) else f"&lt;{tag.group()[1:]}", html)
        if html.strip():
            feed_html(html, structure)


def join_inline(children: Sequence[Token], structure: Structure) -> str:
    """Return the text of a paragraph, without the signs around it and what the writer's own HTML leaves out."""
    pieces: list[str] = []
    left_out: list[str] = []
    tag = ""  # that is left out and still open
    for child in children:
        if child.type == "html_inline" and not tag and (name := tag_name(child)) in LEFT_OUT:
            if name in VOID_TAGS or child.content.endswith("/>"):
                count_left_out(name, [], structure)
            else:
                tag = name
        elif child.type == "html_inline" and tag and child.content.lower().startswith(f"</{tag}"):
            count_left_out(tag, left_out, structure)
            left_out, tag = [], ""
        elif tag:
            left_out.append(child.content)
        else:
            pieces.append(show_inline(child, structure))
    count_left_out(tag, left_out, structure)
    return "".join(pieces)


def tag_name(token: Token) -> str:
    """Return the name of the element that a tag opens; empty if it closes one, or is none."""
    match = TAG.match(token.content)
    return match["name"].lower() if match and not token.content.startswith("</") else ""


def count_left_out(tag: str, texts: Sequence[str], structure: Structure) -> None:
    """Count an element that is left out, if its kind is worth reporting."""
    if LEFT_OUT.get(tag):
        structure.leave_out(LEFT_OUT[tag], "".join(texts))


def show_inline(child: Token, structure: Structure) -> str:
    """Return the text that a piece of a paragraph stands for."""
    if child.type in ("text", "code_inline", "text_special", "softbreak"):
        return child.content
    if child.type == "hardbreak" or (child.type == "html_inline" and LINE_BREAK.match(child.content)):
        return "\n"
    if child.type == "image":
        structure.leave_out("images")
    elif child.type == "html_inline" and child.content.startswith("<!--"):
        structure.leave_out("comments", child.content[4:-3])
    elif child.type == "html_inline" and not is_tag(child.content):
        return child.content
    return ""
