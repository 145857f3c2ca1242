"""Repair of mojibake with ftfy, line by line, as ftfy itself works: only lines in which something can be wrong.

A repair has to be proved: ftfy takes the Mac bytes of »Ü for a Ȇ, but no writer would miss the »Ü.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import ftfy

from scriptorium.text.odd_characters import count_odd_characters

# Quotes and dashes stay as they are, and so do wide signs, which are the right ones in Chinese and Japanese.
REPAIR = ftfy.TextFixerConfig(uncurl_quotes=False, unescape_html=True, fix_character_width=False)
# A line that ftfy repairs has a character besides these: mojibake has a letter or sign besides quotes and dashes.
SUSPECT = re.compile(r"[^\t\n\f -%'-~‘’“”–—…]")


def repair_text(text: str, config: ftfy.TextFixerConfig) -> str:
    """Return the result of `ftfy.fix_text` for a text with plain line ends, in a tenth of the time."""
    if not SUSPECT.search(text):
        return text
    lines = text.split("\n")
    for index, line in repair_lines(lines, config):
        lines[index] = line
    return "\n".join(lines)


def repair_lines(lines: Sequence[str], config: ftfy.TextFixerConfig) -> Iterator[tuple[int, str]]:
    """Yield the index and the repaired text of each line that ftfy changes."""
    for index, line in enumerate(lines):
        if SUSPECT.search(line):
            repaired = ftfy.fix_text(line, config)
            if repaired != line:
                yield index, repaired


def repair_proven_lines(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the index and the text of each line that ftfy changes, its encoding only if that is proved to be wrong."""
    for index, repaired in repair_lines(lines, REPAIR):
        cautious = ftfy.fix_text(lines[index], REPAIR._replace(fix_encoding=False))
        proved = count_odd_characters(repaired) < count_odd_characters(cautious)
        line = repaired if proved else cautious
        if line != lines[index]:
            yield index, line
