"""Kinds of elements in HTML: what is left out, what ends a paragraph, what is a page of front matter or a title."""

from __future__ import annotations

import re
from collections.abc import Mapping

from scriptorium.text.word_spans import count_running_words

LEFT_OUT = {
    "script": "scripts", "style": "styles", "noscript": "scripts", "template": "scripts", "nav": "navigations",
    "svg": "images", "img": "images", "image": "images", "picture": "images", "figure": "images",
    "video": "images", "audio": "images", "canvas": "images", "iframe": "images", "object": "images",
    "embed": "images", "map": "images", "math": "formulas", "form": "forms", "button": "forms", "select": "forms",
    "textarea": "forms", "input": "forms", "title": "", "head": "", "rt": "readings", "rp": "", "del": "deleted pieces",
    "footer": "page footers",
}  # fmt: skip
NON_PROSE_KINDS = {
    "toc": "contents", "landmarks": "contents", "page-list": "contents", "loi": "contents", "lot": "contents",
    "pagebreak": "page numbers", "pagenum": "page numbers", "pageno": "page numbers", "page-number": "page numbers",
    "noteref": "footnote marks", "fnanchor": "footnote marks", "footnote-ref": "footnote marks",
    "footnote": "footnotes", "footnotes": "footnotes", "endnote": "footnotes", "endnotes": "footnotes",
    "rearnote": "footnotes", "rearnotes": "footnotes", "cover": "covers",
}  # fmt: skip  # by epub:type, role ("doc-...") or class
VOID_TAGS = frozenset(["area", "base", "br", "col", "embed", "hr", "image", "img", "input", "link", "meta", "param",
                       "source", "track", "wbr"])  # fmt: skip  # elements without content
BLOCK_TAGS = frozenset(["address", "article", "aside", "blockquote", "body", "center", "dd", "details", "div", "dl",
                        "dt", "fieldset", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hgroup", "hr",
                        "html", "legend", "li", "main", "ol", "p", "pre", "section", "summary", "table", "td", "th",
                        "tr", "ul"])  # fmt: skip
SELF_CLOSING_TAG = re.compile(r"<([A-Za-z][\w:-]*)((?:\s[^<>]*)?)/>")
UNCOUNTED_TAGS = ("script", "style")  # their text has no words
FRONT_MATTER = {
    "titlepage": "title pages", "title-page": "title pages", "halftitlepage": "title pages", "halftitle": "title pages",
    "half-title": "title pages", "half-title-page": "title pages", "imprint": "imprints", "colophon": "imprints",
    "copyright-page": "imprints", "dedication": "dedications",
}  # fmt: skip  # by epub:type, role or class
FRONT_MATTER_TYPES = {"epigraph": "epigraphs"}  # by epub:type or role; as a class it may be the author's own
MAX_FRONT_MATTER_WORDS = 1000  # a longer piece is more than it says
TITLE_CLASSES = frozenset(["title", "subtitle"])  # of LibreOffice and Google Docs
TITLE_TYPES = frozenset(["title", "subtitle", "fulltitle", "ordinal", "label"])  # of Standard Ebooks
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
# Google Docs writes comments and footnotes, LibreOffice footnotes: marks in the text, notes at its end.
NOTE_MARK = re.compile(r"(?:(?P<comment>cmnt)|ftnt)_ref\d+$|sd(?:foot|end)note\d+anc$")
NOTE_START = re.compile(r"(?:(?P<comment>cmnt)|ftnt)\d+$|sd(?:foot|end)note\d+sym$")


def classify_tag(tag: str, attributes: Mapping[str, str]) -> str | None:
    """Return what a tag is if it is not prose, "" if it is not worth reporting; None if it is prose."""
    if tag in LEFT_OUT:
        return LEFT_OUT[tag]
    if not attributes:
        return None
    for name in [*read_types(attributes), *read_classes(attributes)]:
        if kind := NON_PROSE_KINDS.get(name):
            return kind
    if tag == "a" and (mark := NOTE_MARK.match(read_id(attributes))):
        return "comment marks" if mark["comment"] else "footnote marks"
    return "hidden pieces" if "hidden" in attributes or HIDDEN_STYLE.search(attributes.get("style", "")) else None


def find_note(tag: str, attributes: Mapping[str, str]) -> str:
    """Return the kind of note that a link back to its mark begins; empty if it begins none."""
    match = NOTE_START.match(read_id(attributes)) if tag == "a" and attributes else None
    return "" if match is None else "comments" if match["comment"] else "footnotes"


def find_front_matter(attributes: Mapping[str, str]) -> str:
    """Return the kind of front matter that an element says it is; empty if none."""
    types, classes = read_types(attributes), read_classes(attributes)
    kinds = [FRONT_MATTER.get(name, "") for name in [*types, *classes]]
    return next(filter(None, [*kinds, *(FRONT_MATTER_TYPES.get(name, "") for name in types)]), "")


def is_short(text: str) -> bool:
    """Return whether a text is short enough to be the front matter that it says it is."""
    return count_running_words(text) <= MAX_FRONT_MATTER_WORDS


def is_title(attributes: Mapping[str, str]) -> bool:
    """Return whether a paragraph says that it is a title."""
    return not (TITLE_TYPES.isdisjoint(read_types(attributes)) and TITLE_CLASSES.isdisjoint(read_classes(attributes)))


def read_types(attributes: Mapping[str, str]) -> list[str]:
    """Return the meanings that an EPUB's element states."""
    names = f"{attributes.get('epub:type', '')} {attributes.get('role', '')}".lower().split()
    return [name.removeprefix("doc-") for name in names]


def read_classes(attributes: Mapping[str, str]) -> list[str]:
    """Return the classes of an element."""
    return attributes.get("class", "").lower().split()


def read_id(attributes: Mapping[str, str]) -> str:
    """Return the name that links know an element by."""
    return attributes.get("id") or attributes.get("name") or ""


def expand_tag(match: re.Match[str]) -> str:
    """Return `<a/>` as `<a></a>`, which HTML understands, too."""
    return match.group() if match[1].lower() in VOID_TAGS else f"<{match[1]}{match[2]}></{match[1]}>"
