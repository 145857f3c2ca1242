"""JSON lines: a ready row in each, in any of the forms of services/data/readers/rows/forms.py, used unchanged.

A row may have a "chapter": rows of one chapter are never on both sides of a split. It may name its "book", too.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from scriptorium.contracts import Finding
from scriptorium.errors import Problem
from services.data.readers.decode import find_encoding, note_encoding, open_text
from services.data.readers.manuscript import ReadyRow
from services.data.readers.rows.forms import FORM_READERS, FORMS, OPTIONAL_KEYS, find_form
from services.data.readers.rows.messages import SHOWN_CHARACTERS, RowProblem, name_type, read_text
from services.data.readers.sources import Entry

MAX_PROBLEMS = 100  # reported per file
MAX_ROW_CHARACTERS = 1 << 22
BYTE_ORDER_MARK = "\ufeff"  # at the beginning of a line: files were joined


def read_rows(entry: Entry, findings: list[Finding]) -> Iterator[ReadyRow | Problem]:
    """Yield each row, or the problem with it; raises Unreadable or FileTooLarge."""
    entry.measure()
    encoding = find_encoding(entry.open)
    findings += note_encoding(encoding, entry.name)
    forms: Counter[str] = Counter()
    unused: Counter[str] = Counter()
    problems = 0
    with open_text(entry.open, encoding) as lines:
        for number, line in enumerate(iterate_lines(lines), start=1):
            if not line.strip():
                continue
            place = f"{entry.name}, line {number}"
            try:
                row = parse_row(line, number)
                form = find_form(row)
                forms[form] += 1
                unused.update(row.keys() - set(FORMS[form]) - OPTIONAL_KEYS)
                content = FORM_READERS[form](row, unused)
                chapter, book = read_label(row, "chapter") or entry.name, read_label(row, "book")
                yield ReadyRow(place, chapter, json.dumps(content.messages), content.rejected, book)
            except RowProblem as error:
                problems += 1
                if problems <= MAX_PROBLEMS:
                    yield Problem(place, str(error))
                if number == 1 and line.lstrip().startswith("["):  # a list, not rows
                    return
    findings += note_forms(entry.name, forms, unused)
    if problems > MAX_PROBLEMS:
        yield Problem(entry.name, f"has {problems - MAX_PROBLEMS:,} more invalid rows")
    elif not forms and not problems:
        yield Problem(entry.name, "is empty")


def iterate_lines(file: TextIO) -> Iterator[str]:
    """Yield each line without a byte order mark; of one that is too long for a row only the beginning."""
    while line := file.readline(MAX_ROW_CHARACTERS):
        rest = line
        while len(rest) == MAX_ROW_CHARACTERS and not rest.endswith("\n"):
            rest = file.readline(MAX_ROW_CHARACTERS)
        yield line.removeprefix(BYTE_ORDER_MARK)


def parse_row(line: str, number: int) -> Mapping[str, Any]:
    """Parse a line as an object; raises RowProblem."""
    if number == 1 and line.lstrip().startswith("["):
        raise RowProblem("begins a JSON list; write one row per line, without brackets and commas around them")
    if len(line) >= MAX_ROW_CHARACTERS - 1:
        raise RowProblem(f"is longer than {MAX_ROW_CHARACTERS:,} characters")
    try:
        row = json.loads(line)
    except RecursionError:
        raise RowProblem("is nested too deeply") from None
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "a number that is too long"
        raise RowProblem(f"is invalid JSON: {reason}") from None
    if not isinstance(row, dict):
        raise RowProblem(f"is not an object but {name_type(row)}")
    return row


def read_label(row: Mapping[str, Any], key: str) -> str:
    """Return the chapter or the book of a row; "" if it has none."""
    value = row.get(key)
    return "" if value is None else " ".join(read_text(value, f"'{key}'", empty=True).split())


def note_forms(place: str, forms: Mapping[str, int], unused: Mapping[str, int]) -> Iterator[Finding]:
    """Yield findings about rows of several forms, and about keys that are not used."""
    if len(forms) > 1:
        counts = ", ".join(f"{count:,} {form}" for form, count in forms.items())
        yield Finding(code="mixed_forms", place=place, message=f"contains rows of several forms: {counts}")
    if unused:
        counts = ", ".join(f"{str(key)[:SHOWN_CHARACTERS]!r} ({count:,})" for key, count in list(unused.items())[:6])
        yield Finding(code="keys_unused", place=place, message=f"rows have keys that are not used: {counts}")
