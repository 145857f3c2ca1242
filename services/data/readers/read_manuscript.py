"""Every file of a manuscript, read by its kind: books, passages that somebody has cut already, rows that are ready."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from lxml import etree

from scriptorium.contracts import Finding
from scriptorium.errors import InvalidTrainingFile, Problem
from services.data.readers.archive import damage_as_unreadable
from services.data.readers.decode import Unreadable
from services.data.readers.docx import read_docx
from services.data.readers.epub import read_epub
from services.data.readers.html import read_html
from services.data.readers.jsonl import read_rows
from services.data.readers.limits import Budget
from services.data.readers.manuscript import Example, Manuscript, Part
from services.data.readers.markdown import read_markdown
from services.data.readers.plain_text import read_text
from services.data.readers.sources import Entry, open_files
from services.data.text_file import Keep, in_memory

Reader = Callable[[Entry, list[Finding]], Iterator[Part | Example | Problem]]

READERS: dict[str, Reader] = {
    ".txt": read_text,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".html": read_html,
    ".htm": read_html,
    ".xhtml": read_html,
    ".docx": read_docx,
    ".epub": read_epub,
    ".jsonl": read_rows,
}
ELSEWHERE = {
    ".doc": "Save it as .docx.",
    ".rtf": "Save it as .docx.",
    ".odt": "Save it as .docx.",
    ".pdf": "Send the file that it was made from, or convert it to .epub or .txt.",
    ".mobi": "Convert it to .epub.",
    ".azw3": "Convert it to .epub.",
    ".json": "Write one row a line, as .jsonl.",
}
CURATED = re.compile(r"^chunk_.*\.txt$", re.IGNORECASE)


def read_manuscript(path: Path, filename: str, keep: Keep = in_memory) -> Manuscript:
    """Read every text and row, one after the other, and let `keep` put each where there is room.

    Raises InvalidTrainingFile with all problems at once, or FileTooLarge.
    """
    budget = Budget(filename)
    try:
        with open_files(path, filename, budget) as entries:
            return read_entries(entries, filename, keep)
    except Unreadable as error:
        raise InvalidTrainingFile(f"{filename} {error}.", param="training_file") from None


def read_entries(entries: Sequence[Entry], filename: str, keep: Keep) -> Manuscript:
    """The manuscript that files make; curated passages are alone in one."""
    known = [entry for entry in entries if entry.suffix in READERS]
    if not known:
        refuse_kind(entries, filename)
    curated = any(is_curated(entry) for entry in known)
    used = [entry for entry in known if not curated or is_curated(entry)]
    manuscript = Manuscript([], curated, [note_ignored(entry) for entry in entries if entry not in used])
    problems: list[Problem] = []
    for entry in used:
        for found in read_entry(entry, manuscript.findings):
            match found:
                case Part():
                    manuscript.parts.append(found.kept(keep))
                case Example():
                    manuscript.examples.append(found.kept(keep))
                case Problem():
                    problems.append(found)
    if problems:
        files = len({problem.place.partition(", line ")[0] for problem in problems})
        message = f"{filename} has {len(problems)} problem(s) in {files} unreadable file(s)."
        raise InvalidTrainingFile(message, problems=problems)
    return manuscript


def read_entry(entry: Entry, findings: list[Finding]) -> Iterator[Part | Example | Problem]:
    """All that one file holds; what is wrong with it is a problem, never an exception but FileTooLarge."""
    told = False
    try:
        with damage_as_unreadable("file"):
            for found in READERS[entry.suffix](entry, findings):
                if not isinstance(found, Part) or found.text.strip():
                    told = True
                    yield found
    except Unreadable as error:
        yield Problem(entry.name, str(error))
    except etree.LxmlError as error:
        yield Problem(entry.name, f"is damaged: {error}")
    else:
        if not told:
            yield Problem(entry.name, "is empty")


def refuse_kind(entries: Sequence[Entry], filename: str) -> None:
    """Raise InvalidTrainingFile where no file is of a kind that we read."""
    kinds = ", ".join(READERS)
    step = next((ELSEWHERE[entry.suffix] for entry in entries if entry.suffix in ELSEWHERE), None)
    if len(entries) == 1 and entries[0].name == PurePosixPath(filename).name:
        kind = entries[0].suffix or "no extension"
        message = f"{filename} is of a kind we do not read ({kind}); we read {kinds}, and .zip."
    else:
        message = f"{filename} holds no file of a kind that we read ({kinds})."
    raise InvalidTrainingFile(message, param="training_file", next_step=step)


def is_curated(entry: Entry) -> bool:
    """Whether a file is a passage that somebody has cut."""
    return bool(CURATED.match(PurePosixPath(entry.name).name))


def note_ignored(entry: Entry) -> Finding:
    """A finding for a file that is not part of the manuscript."""
    return Finding(code="file_ignored", place=entry.name, message="is not part of the manuscript and was left out")
