"""Markup that no reader removed: HTML, Markdown, LaTeX, program text, chat tokens, timestamps."""

from __future__ import annotations

import re
from collections.abc import Iterator

from scriptorium.contracts import Finding
from services.data.checks.passages.tokenized_passage import TokenizedPassage, quote

# code: substrings of which every match has one (they are fast to look for), and the pattern
MARKUP_KINDS: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "html_left": (
        ("<", "&"),
        re.compile(
            r"</?[a-z][a-z0-9]{0,10}(?:\s[^<>]{0,300})?/?>|<!--|&(?:[a-z]{2,8}|#x?[0-9a-f]{1,6});", re.IGNORECASE
        ),
    ),
    "markdown_left": (
        ("**", "__", "](", "[^", "```", "`", "#", "\n- ", "\n* ", "\n> "),
        re.compile(
            r"\*\*[\w\"“„«»‘'][^*\n]{0,200}\*\*|\b__\w[^_\n]{0,200}__\b|\]\((?:https?:|#|/|\w+\.)[^)\s]*\)|\[\^\w{1,10}\]|```|(?<!`)`\w[^`\n]{0,60}\w`"
            r"|^#{1,6} \S|(?:^[-*>] .*\n+){3}",
            re.MULTILINE,
        ),
    ),
    "code_left": (
        ("\\", "{", "};", "();", "=="),
        re.compile(
            r"\\[a-z]{2,20}[{\[]|\\(?:par|pard|rtf1|fs\d\d|line|cell)\b"
            r"|\b(?:function|def|class|import|return|var|const) .{0,200}[(){};]"
            r"|\{\s*\"[\w ]{1,80}\"\s*:|[)\w][ \t]*\{[ \t]*$|\w\(\);|^[ \t]*[}\]];?[ \t]*$",
            re.MULTILINE,
        ),
    ),
    "special_token": (
        ("<|", "[INST]", "[/INST]", "<s>", "</s>", "<<SYS>>", "<bos>", "<eos>", "_of_turn>", "<pad>", "<unk>"),
        re.compile(r"<\|\w{1,40}\|>|\[/?INST\]|</?s>|<</?SYS>>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>"),
    ),
    "timestamp": (
        (":",),
        re.compile(
            r"\b\d\d:\d\d:\d\d[,.]\d{3}\b|^\[?\d{1,2}:\d\d(?::\d\d)?\]?\s+\S|\[\d{1,2}:\d\d(?::\d\d)?\]", re.MULTILINE
        ),
    ),
}


def find_leftover_markup(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield a finding for each kind of markup that is left."""
    for code in MARKUP_KINDS:
        yield from find_kind(passage, code)


def find_special_tokens(passage: TokenizedPassage) -> Iterator[Finding]:
    """Yield a finding if there are tokens that control a chat model."""
    return find_kind(passage, "special_token")


def find_kind(passage: TokenizedPassage, code: str) -> Iterator[Finding]:
    """Yield a finding if there is markup of a kind."""
    text = passage.text
    signs, pattern = MARKUP_KINDS[code]
    if any(sign in text for sign in signs):
        matches = [match.group() for match in pattern.finditer(text)]
        if passage.language.dialogue_dash:  # a line that opens with "- " is speech there, and no item of a list
            matches = [match for match in matches if not match.startswith("- ")]
        if matches:
            yield passage.make_finding(code, f"{len(matches)} time(s), first {quote(matches[0])}")
