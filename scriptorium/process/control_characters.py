"""Characters that a terminal or the reader of a log obeys instead of showing: removed for people, spelt out in logs."""

from __future__ import annotations

import re

# C0 without tab and newline, DEL, C1, and what reorders the text around it
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LINE_BREAKS = re.compile("[\n\u2028\u2029]")
SURROGATE = re.compile("[\ud800-\udfff]")  # a file name that is not UTF-8: no terminal can show it


def clean(text: str) -> str:
    """Return a text without what a terminal would obey instead of show."""
    return SURROGATE.sub("\ufffd", CONTROL.sub("", text))


def spell_out(text: str) -> str:
    r"""Return a text in one line, with what a terminal would obey as an escape: a new line is \n.

    A log says what was there, and no text of a user can begin a line of it.
    """
    for pattern in (CONTROL, LINE_BREAKS, SURROGATE):
        text = pattern.sub(lambda match: match[0].encode("unicode_escape").decode("ascii"), text)
    return text
