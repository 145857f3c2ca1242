"""The files of a manuscript, each read according to its type: books, curated passages or ready rows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from lxml import etree

from scriptorium.contracts import Finding
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.manuscript_types import TYPE_NAMES, TYPES
from scriptorium.text.file_names import printable_name
from services.data.readers.archive import damage_as_unreadable
from services.data.readers.decode import Unreadable
from services.data.readers.formats.docx import read_docx
from services.data.readers.formats.epub import read_epub
from services.data.readers.formats.fb2 import read_fb2, read_packed_fb2
from services.data.readers.formats.fountain import read_fountain
from services.data.readers.formats.html import read_html
from services.data.readers.formats.markdown import read_markdown
from services.data.readers.formats.odt import read_odt
from services.data.readers.formats.pdf import read_pdf
from services.data.readers.formats.plain_text import read_text
from services.data.readers.formats.rtf import read_rtf
from services.data.readers.formats.scrivener import read_scrivener
from services.data.readers.limits import MIN_EXAMPLES, Budget
from services.data.readers.manuscript import Manuscript, Part, ReadyRow
from services.data.readers.rows.jsonl import read_rows
from services.data.readers.sources import Entry, open_files
from services.data.readers.story_order import name_by_story
from services.data.text_file import StoreText, keep_in_memory

Reader = Callable[[Entry, list[Finding]], Iterator[Part | ReadyRow | Problem]]

READERS_BY_TYPE: dict[str, Reader] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".docx": read_docx,
    ".odt": read_odt,
    ".rtf": read_rtf,
    ".epub": read_epub,
    ".fb2": read_fb2,
    ".fbz": read_packed_fb2,
    ".pdf": read_pdf,
    ".html": read_html,
    ".fountain": read_fountain,
    ".scrivx": read_scrivener,
    ".jsonl": read_rows,
}
READERS = {suffix: READERS_BY_TYPE[kind.suffix] for kind in TYPES for suffix in (kind.suffix, *kind.aliases)}
CONVERSION_HINTS = {
    ".doc": "Open it in a word processor and save it as .docx.",
    ".docm": "Save it as .docx, without macros.",
    ".dot": "Open it in a word processor and save it as .docx.",
    ".dotx": "Open it in a word processor and save it as .docx.",
    ".fodt": "Save it as .odt.",
    ".sxw": "Open it in LibreOffice and save it as .odt.",
    ".wpd": "Open it in LibreOffice and save it as .odt.",
    ".pages": "Export it from Pages as Word (.docx) or EPUB.",
    ".mobi": "Convert it to .epub, for instance with Calibre.",
    ".azw": "Convert it to .epub, for instance with Calibre; a book with copy protection cannot be converted.",
    ".azw3": "Convert it to .epub, for instance with Calibre; a book with copy protection cannot be converted.",
    ".kfx": "Convert it to .epub, for instance with Calibre; a book with copy protection cannot be converted.",
    ".scriv": "It is a folder: send all of it, or a .zip of it.",
    ".gdoc": "It is only a link: download the document as .docx.",
    ".tex": "Convert it to .docx or .md, for instance with Pandoc.",
    ".zipx": "Pack it as an ordinary .zip.",
    ".rar": "Pack it as an ordinary .zip.",
    ".7z": "Pack it as an ordinary .zip.",
    ".json": "Write one row per line, as .jsonl.",
}
SHOWN_PROBLEMS = 200  # of all files together; a file of rows has half as many
ROWS_STEP = "Mend these lines and upload the file again; docs/data.md has every form of a row."
SHOWN_NAMES = 4  # of files, to show their order
LINE_MARK = ", line "  # between the name of a file and the number of a row
CURATED_NAME = re.compile(r"^chunk_.*\.txt$", re.IGNORECASE)


def read_manuscript(path: Path, filename: str, store: StoreText = keep_in_memory) -> Manuscript:
    """Read every text and row, one after the other, and store each with `store`.

    Raises InvalidTrainingFile with all problems at once, or FileTooLarge.
    """
    budget = Budget(filename)
    try:
        with open_files(path, filename, budget) as entries:
            named = [replace(entry, name=printable_name(entry.name)) for entry in entries]
            return read_entries(named, filename, store)
    except Unreadable as error:
        raise InvalidTrainingFile(f"{filename} {error}.", param="training_file") from None


def read_entries(entries: Sequence[Entry], filename: str, store: StoreText) -> Manuscript:
    """Read files as one manuscript; if some are curated passages, the others are left out."""
    readable = [entry for entry in entries if entry.suffix in READERS]
    if not readable:
        refuse_type(entries, filename)
    curated = any(is_curated(entry) for entry in readable)
    used = [entry for entry in readable if not curated or is_curated(entry)]
    unused = [entry for entry in readable if curated and not is_curated(entry)]
    others = [entry for entry in entries if entry.suffix not in READERS]
    manuscript = Manuscript([], curated, [*note_ignored(unused, others), *note_order(used)])
    problems: list[Problem] = []
    for entry in used:
        for content in read_entry(entry, manuscript.findings):
            match content:
                case Part():
                    manuscript.parts.append(content.stored_by(store))
                case ReadyRow():
                    manuscript.rows.append(content.stored_by(store))
                case Problem():
                    problems.append(content)
    if problems:
        raise combine_problems(problems, manuscript, filename)
    return manuscript


def combine_problems(problems: Sequence[Problem], manuscript: Manuscript, filename: str) -> InvalidTrainingFile:
    """Return one error for all problems; too few rows are another one of theirs."""
    in_rows = any(LINE_MARK in problem.place for problem in problems)
    files = len({problem.place.partition(LINE_MARK)[0] for problem in problems})
    message = f"{filename} has {len(problems)} problem(s) in {files} unreadable file(s)."
    shown, rows = list(problems[:SHOWN_PROBLEMS]), len(manuscript.rows) + len(problems)
    if len(problems) > SHOWN_PROBLEMS:
        shown.append(Problem(filename, f"has {len(problems) - SHOWN_PROBLEMS:,} more problems"))
    if in_rows and manuscript.rows and not manuscript.parts and rows < MIN_EXAMPLES:
        shown.append(Problem(filename, f"has {rows} row(s); at least {MIN_EXAMPLES} are needed"))
    step = ROWS_STEP if in_rows else None
    return InvalidTrainingFile(message, param="training_file", problems=shown, next_step=step)


def read_entry(entry: Entry, findings: list[Finding]) -> Iterator[Part | ReadyRow | Problem]:
    """Yield the content of one file, and its faults as problems; raises nothing but FileTooLarge."""
    empty = True
    try:
        with damage_as_unreadable("file"):
            for content in READERS[entry.suffix](entry, findings):
                if not isinstance(content, Part) or content.text.strip():
                    empty = False
                    yield content
    except Unreadable as error:
        yield Problem(entry.name, str(error))
    except etree.LxmlError as error:
        yield Problem(entry.name, f"is damaged: {error}")
    else:
        if empty:
            yield Problem(entry.name, "is empty")


def refuse_type(entries: Sequence[Entry], filename: str) -> None:
    """Raise InvalidTrainingFile, as no file is of a supported type."""
    step = next((CONVERSION_HINTS[entry.suffix] for entry in entries if entry.suffix in CONVERSION_HINTS), None)
    if len(entries) == 1 and entries[0].name == PurePosixPath(filename).name:
        suffix = entries[0].suffix or "no extension"
        message = f"{filename} is of an unsupported type ({suffix}); supported are {TYPE_NAMES}, and .zip."
    else:
        message = f"{filename} contains no file of a supported type ({TYPE_NAMES})."
    raise InvalidTrainingFile(message, param="training_file", next_step=step)


def is_curated(entry: Entry) -> bool:
    """Return whether a file is a passage that somebody has cut."""
    return bool(CURATED_NAME.match(PurePosixPath(entry.name).name))


def note_order(used: Sequence[Entry]) -> Iterator[Finding]:
    """Yield a finding if words in the names of files decided their order."""
    names = [entry.name for entry in used]
    if name_by_story(names):
        shown = ", ".join(PurePosixPath(name).name for name in names[:SHOWN_NAMES])
        message = f"is first of {len(names)} files, in the order that their names' words tell: {shown} ..."
        yield Finding(code="ordered_by_words", place=names[0], message=message)


def note_ignored(unused: Sequence[Entry], others: Sequence[Entry]) -> Iterator[Finding]:
    """Yield a finding for each text that is not part of the manuscript, and one for all files of other types."""
    for entry in [*unused, *others] if len(others) == 1 else unused:
        message = "is not part of the manuscript and was left out"
        yield Finding(code="file_ignored", place=entry.name, message=message)
    if len(others) > 1:
        types = Counter(entry.suffix or "without an extension" for entry in others)
        counts = ", ".join(f"{count:,} {kind}" for kind, count in types.most_common())
        message = f"and {len(others) - 1:,} other file(s) are not part of the manuscript and were left out ({counts})"
        yield Finding(code="file_ignored", place=others[0].name, message=message)
