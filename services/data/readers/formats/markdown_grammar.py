"""The grammar of Markdown for prose: CommonMark with tables, without what would take a story for markup.

An indented line is not code. `~~~` is code only if what follows it looks like code: writers set it between scenes.
`[Anna]: Hello` is speech, unless what follows the colon is an address.
"""

from __future__ import annotations

import re
from functools import lru_cache

from lxml.html import defs
from markdown_it import MarkdownIt
from markdown_it.ruler import RuleOptionsType
from markdown_it.rules_block import StateBlock, fence, lheading, reference

from services.data.cleaning.headings import MAX_TITLE_CHARACTERS, SENTENCE_END, is_labelled

CODE_LINE = re.compile(
    r"[{}]\s*$|(?:[)\]]|=.*);\s*$|^\s*(?:[}\])]|#include\b|@\w+$|//|/\*|\$ \S|>>> |</?[a-z])"
    r"|\w\(\)|[=!<>+]=|=>|->|\w = \S"
    r"|^\s*(?:def|class|for|while|if|elif|else|try|except|with)\b.*:\s*$|^\s*(?:import|from) [\w.]+(?: import .+)?$"
    r"|^\s*(?:return|print|var|let|const|echo|sudo)\b.*[()=;\"'/]"
)
MAX_FENCED_LINES = 500_000  # looked at in one text; then `~~~` is a rule, or a file of nothing else would take hours
FENCED_LINES = "fenced lines"
MIN_CODE_SHARE = 0.3  # of the lines: code has comments and lines of a word, too
LINK_TARGET = re.compile(
    r" {0,3}\[[^\]]+\]:\s*<?(?:[a-z][a-z0-9+.-]+:|[#/.]|www\.|\S+\.[a-z]{2,5}(?:[#?/]|>?(?:\s|$)))"
)
SHORTEST_RULE = 3  # signs of a rule; a longer one may be drawn to the length of the title above it
TAG = re.compile(r"</?(?P<name>[A-Za-z][A-Za-z0-9-]*)(?P<attributes>[^<>]*)")
LONE_ATTRIBUTES = ("", "hidden", "open", "reversed")  # without a value
KNOWN_TAGS = defs.tags | {"image", "math", "picture", "rb", "rtc", "svg", "template"}


@lru_cache(maxsize=1)
def parser() -> MarkdownIt:
    """Return the parser, built once."""
    markdown = MarkdownIt("commonmark", {"maxNesting": 20}).enable("table").disable("code")
    interrupted: RuleOptionsType = {"alt": ["paragraph", "reference", "blockquote", "list"]}  # by a fence
    markdown.block.ruler.at("fence", read_fence, interrupted)
    markdown.block.ruler.at("reference", read_reference)
    markdown.block.ruler.at("lheading", read_underlined)
    return markdown


def read_fence(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a block of code; where it is none, only its first line, as a rule with the words beside it."""
    lines = state.env.get(FENCED_LINES, 0)
    if not fence(state, start, end if lines < MAX_FENCED_LINES else start + 1, silent):
        return False
    if silent:
        return True
    token = state.tokens[-1]
    state.env[FENCED_LINES] = lines + state.line - start
    if is_code(token.content):
        return True
    state.tokens.pop()
    state.line = start + 1
    state.push("hr", "hr", 0)
    words = token.info.strip(f" {token.markup[0]}")
    if words and (" " in words or token.markup[0] in token.info):  # else the name of a language
        state.push("paragraph_open", "p", 1)
        inline = state.push("inline", "", 0)
        inline.content, inline.children = words, []
        state.push("paragraph_close", "p", -1)
    return True


def is_code(text: str) -> bool:
    """Return whether a text is program text, by its lines."""
    lines = [line for line in text.split("\n") if line.strip()]
    return sum(bool(CODE_LINE.search(line)) for line in lines) >= max(1, MIN_CODE_SHARE * len(lines))


def read_reference(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read the target of a link, if it is an address."""
    line = state.src[state.bMarks[start] : state.eMarks[start]]
    return bool(LINK_TARGET.match(line)) and reference(state, start, end, silent)


def read_underlined(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """Read a heading with a rule right under it; where it is none, a paragraph and the rule between two scenes."""
    if not lheading(state, start, end, silent):
        return False
    rule = state.src[state.bMarks[state.line - 1] : state.eMarks[state.line - 1]].strip()
    opening, inline, closing = state.tokens[-3:]
    if not is_title(inline.content, rule):
        opening.type, closing.type = "paragraph_open", "paragraph_close"
        opening.tag = closing.tag = "p"
        state.push("hr", "hr", 0)
    return True


def is_title(text: str, rule: str) -> bool:
    """Return whether a text with a rule right under it is a heading, not the last words of a scene."""
    if len(text) > MAX_TITLE_CHARACTERS or ("\n" in text and rule.startswith("-")):
        return False
    underlined = len(rule) > SHORTEST_RULE and abs(len(rule) - len(text)) <= 1
    return is_labelled(text) or underlined or not SENTENCE_END.search(text)


def is_tag(html: str) -> bool:
    """Return whether a piece of HTML is a tag that exists; `<Are you there>` and `<I am here>` are speech."""
    match = TAG.match(html)
    if match is None:
        return True
    attributes = match["attributes"].strip(" \t\n/")
    return match["name"].lower() in KNOWN_TAGS and ("=" in attributes or attributes in LONE_ATTRIBUTES)
