"""Comparison authors for the evaluation (impostors.jsonl): their works, cleaned as the manuscript is.

They come from a folder or a .zip with a file or folder for each author, whose name is the author's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

from scriptorium.artifacts.dataset import IMPOSTORS, write_lines
from scriptorium.contracts import Finding, PrepareRequest
from scriptorium.errors import UserError
from scriptorium.jobs.reporter import Reporter
from scriptorium.manuscript_types import find_suffix
from scriptorium.sampling import spread
from scriptorium.text.word_spans import count_running_words
from scriptorium.text.words import word_pattern
from services.data.cleaning.chapters import Chapter
from services.data.cleaning.clean import clean_book, clean_sections
from services.data.other_authors.references import hash_long_paragraphs
from services.data.readers import KINDS, Part, is_visible, read_manuscript

WORDS_PER_AUTHOR = 40_000  # some eighty passages, which define a style; more cost time in every evaluation
MIN_WORDS = 5_000  # of an author; with fewer no style shows
WORKS_PER_AUTHOR = 24  # each has an equal share of the words, enough for a few passages
MIN_SHARED_PARAGRAPHS = 3  # long paragraphs that a work shares with the manuscript if it contains a part of it

Work = list[str]  # paragraphs
NAME_WORD = word_pattern()


def write_impostors(
    request: PrepareRequest, manuscript: Iterable[str], folder: Path, reporter: Reporter
) -> list[Finding]:
    """Write a line for each comparison author to `folder`; `manuscript` has the paragraphs of the author's own book."""
    if request.impostors is None:
        return []
    manuscript_hashes = hash_long_paragraphs(manuscript)
    findings: list[Finding] = []
    lines: list[dict[str, object]] = []
    for author, works in read_authors(request.impostors, request.impostors_name, findings):
        reporter.check()
        reason = reason_to_leave_out(author, works, manuscript_hashes, request.filename)
        if reason:
            findings.append(Finding(code="impostor_left_out", place=author, message=reason))
        else:
            lines.append({"author": author, "works": take_stretches(works)})
    write_lines(folder / IMPOSTORS, lines)
    names = ", ".join(str(line["author"]) for line in lines)
    reporter.message(f"[DATA] {len(lines)} comparison authors{names and f': {names}'}")
    return findings


def read_authors(source: Path, name: str, findings: list[Finding]) -> Iterator[tuple[str, list[Work]]]:
    """Yield the name and the works of each author; unreadable files become findings."""
    if not source.is_dir():
        parts = read_parts(source, name, findings)
        for author, author_parts in group_by_author(parts).items():
            yield author, clean_works(author_parts)
        return
    authors: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(source.iterdir()):
        if is_visible(path.name) and (path.is_dir() or find_suffix(path.name) in KINDS):
            authors[path.stem if path.is_file() else path.name].append(path)
    for author, paths in authors.items():
        parts = [part for path in paths for part in read_parts(path, path.name, findings)]
        if parts:
            yield author, clean_works(parts)


def read_parts(path: Path, name: str, findings: list[Finding]) -> list[Part]:
    """Read the parts of a file, folder or .zip; if it is unreadable, return none and append a finding."""
    try:
        return read_manuscript(path, name).parts
    except UserError as error:
        findings.append(Finding(code="impostor_unreadable", place=name, message=str(error)))
        return []


def group_by_author(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Group parts by the first name of their paths; a folder around all of them is skipped."""
    paths = [PurePosixPath(part.name).parts for part in parts]
    around = int(len({path[0] for path in paths}) == 1 and min(map(len, paths), default=0) > 1)
    authors: dict[str, list[Part]] = defaultdict(list)
    for part, path in zip(parts, paths, strict=True):
        inside = path[around:]
        authors[inside[0] if len(inside) > 1 else PurePosixPath(inside[0]).stem].append(part)
    return authors


def clean_works(parts: Iterable[Part]) -> list[Work]:
    """Return the paragraphs of each work; a long text comes in several parts of one name."""
    works = []
    for _, group in groupby(parts, key=lambda part: part.name):
        chapters = [chapter for number, part in enumerate(group) for chapter in clean_part(part, opens=not number)]
        works.append([paragraph for chapter in chapters for paragraph in chapter.paragraphs])
    return works


def clean_part(part: Part, *, opens: bool) -> Iterable[Chapter]:
    """Clean a part into chapters, as for a manuscript."""
    return clean_sections(part.sections) if part.sections else clean_book(part.text, opens=opens)


def reason_to_leave_out(author: str, works: Sequence[Work], manuscript_hashes: frozenset[int], filename: str) -> str:
    """Return the reason to leave an author out; "" if there is none."""
    if any(contains_manuscript(work, manuscript_hashes) for work in works):
        return "is the author of the manuscript: a work has paragraphs of it"
    words = set(NAME_WORD.findall(author.lower()))
    if words and words <= set(NAME_WORD.findall(PurePosixPath(filename).stem.lower())):
        return "is the author of the manuscript, according to its file name"
    count = sum(map(count_words, works))
    return "" if count >= MIN_WORDS else f"has {count:,} words; {MIN_WORDS:,} are needed"


def contains_manuscript(work: Work, manuscript_hashes: frozenset[int]) -> bool:
    """Return whether a work shares long paragraphs with the manuscript; all of them if it has very few."""
    hashes = hash_long_paragraphs(work)
    return bool(hashes) and len(hashes & manuscript_hashes) >= min(MIN_SHARED_PARAGRAPHS, len(hashes))


def take_stretches(works: Sequence[Work], words: int = WORDS_PER_AUTHOR) -> list[str]:
    """Take a stretch from the middle of each work, about `words` words in all; long works make up for short ones."""
    chosen = sorted(filter(None, spread(works, WORKS_PER_AUTHOR)), key=count_words)
    stretches = []
    for works_left, work in zip(range(len(chosen), 0, -1), chosen, strict=True):
        stretch = take_middle(work, words // works_left)
        words -= count_words(stretch)
        stretches.append("\n\n".join(stretch))
    return stretches


def take_middle(work: Work, words: int) -> Work:
    """Take consecutive paragraphs around the middle of a work, about `words` words."""
    lengths = [count_running_words(paragraph) for paragraph in work]
    before, skipped = 0, max(0, (sum(lengths) - words) // 2)
    start = 0
    while before < skipped:
        before += lengths[start]
        start += 1
    end, taken = start, 0
    while end < len(work) and taken < words:
        taken += lengths[end]
        end += 1
    return work[start:end]


def count_words(work: Iterable[str]) -> int:
    """Count the words of several paragraphs."""
    return sum(map(count_running_words, work))
