"""Other authors' works, cleaned as the manuscript is, for the evaluation to tell this author from: impostors.jsonl.

They come from a folder or a .zip with a file or folder for each author. An author is known by the name of that.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path, PurePosixPath

from scriptorium.artifacts.dataset import IMPOSTORS, write_lines
from scriptorium.contracts import Finding, PrepareRequest
from scriptorium.errors import UserError
from scriptorium.jobs.reporter import Reporter
from scriptorium.sampling import spread
from services.data.cleaning.chapters import Chapter
from services.data.cleaning.clean import clean_book, clean_sections
from services.data.other_authors.references import long_paragraphs
from services.data.readers import KINDS, Part, read_manuscript, visible

WORDS = 40_000  # of an author: some eighty passages, which pin a style down; more cost time in every evaluation
FEWEST = 5_000  # words from which a style shows
WORKS = 24  # of an author, each with an equal share of the words: enough for a few passages
SHARED = 3  # long paragraphs in common, which is no chance: a work that holds a part of the manuscript

Work = list[str]  # paragraphs
LETTERS = re.compile(r"[^\W\d_]+")


def write_impostors(
    request: PrepareRequest, manuscript: Iterable[str], folder: Path, reporter: Reporter
) -> list[Finding]:
    """Write a line for each other author to `folder`; `manuscript` is the author's own paragraphs, to know him by."""
    if request.impostors is None:
        return []
    known = long_paragraphs(manuscript)
    findings: list[Finding] = []
    kept: list[dict[str, object]] = []
    for author, works in read_authors(request.impostors, request.impostors_name, findings):
        reporter.check()
        reason = why_left_out(author, works, known, request.filename)
        if reason:
            findings.append(Finding(code="impostor_left_out", place=author, message=reason))
        else:
            kept.append({"author": author, "works": take_stretches(works)})
    write_lines(folder / IMPOSTORS, kept)
    names = ", ".join(str(author["author"]) for author in kept)
    reporter.message(f"[DATA] {len(kept)} impostors to tell this author from{names and f': {names}'}")
    return findings


def read_authors(source: Path, name: str, findings: list[Finding]) -> Iterator[tuple[str, list[Work]]]:
    """Every author with his works; what cannot be read becomes a finding."""
    if not source.is_dir():
        parts = read_parts(source, name, findings)
        for author, own in by_author(parts).items():
            yield author, clean_works(own)
        return
    authors: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(source.iterdir()):
        if visible(path.name) and (path.is_dir() or path.suffix.lower() in KINDS):
            authors[path.stem if path.is_file() else path.name].append(path)
    for author, paths in authors.items():
        parts = [part for path in paths for part in read_parts(path, path.name, findings)]
        if parts:
            yield author, clean_works(parts)


def read_parts(path: Path, name: str, findings: list[Finding]) -> list[Part]:
    """The texts of a file, folder or .zip; none, and why, where one is unreadable."""
    try:
        return read_manuscript(path, name).parts
    except UserError as error:
        findings.append(Finding(code="impostor_unreadable", place=name, message=str(error)))
        return []


def by_author(parts: Sequence[Part]) -> dict[str, list[Part]]:
    """Parts by the first name of their path; a folder around all of them is passed over."""
    paths = [PurePosixPath(part.name).parts for part in parts]
    around = int(len({path[0] for path in paths}) == 1 and min(map(len, paths), default=0) > 1)
    authors: dict[str, list[Part]] = defaultdict(list)
    for part, path in zip(parts, paths, strict=True):
        inside = path[around:]
        authors[inside[0] if len(inside) > 1 else PurePosixPath(inside[0]).stem].append(part)
    return authors


def clean_works(parts: Iterable[Part]) -> list[Work]:
    """The paragraphs of each work; a long text comes in several parts of one name."""
    works = []
    for _, group in groupby(parts, key=lambda part: part.name):
        chapters = [chapter for number, part in enumerate(group) for chapter in clean(part, opens=not number)]
        works.append([paragraph for chapter in chapters for paragraph in chapter.paragraphs])
    return works


def clean(part: Part, *, opens: bool) -> Iterable[Chapter]:
    """The chapters of a part, as for a manuscript."""
    return clean_sections(part.sections) if part.sections else clean_book(part.text, opens=opens)


def why_left_out(author: str, works: Sequence[Work], known: frozenset[int], filename: str) -> str:
    """Why an author is no impostor; nothing where he is one."""
    if any(holds(work, known) for work in works):
        return "is the author of the manuscript: a work has paragraphs of it"
    words = set(LETTERS.findall(author.lower()))
    if words and words <= set(LETTERS.findall(PurePosixPath(filename).stem.lower())):
        return "is the author of the manuscript, by its name"
    count = sum(map(count_words, works))
    return "" if count >= FEWEST else f"has {count:,} words; {FEWEST:,} are needed"


def holds(work: Work, known: frozenset[int]) -> bool:
    """Whether a work has paragraphs that are known; all of them where it has very few."""
    own = long_paragraphs(work)
    return bool(own) and len(own & known) >= min(SHARED, len(own))


def take_stretches(works: Sequence[Work], words: int = WORDS) -> list[str]:
    """A stretch from the middle of each work, together about so many words; what a short one lacks the others give."""
    chosen = sorted(filter(None, spread(works, WORKS)), key=count_words)
    stretches = []
    for left, work in zip(range(len(chosen), 0, -1), chosen, strict=True):
        stretch = take_middle(work, words // left)
        words -= count_words(stretch)
        stretches.append("\n\n".join(stretch))
    return stretches


def take_middle(work: Work, words: int) -> Work:
    """Paragraphs in a row around the middle of a work, about so many words."""
    lengths = [len(paragraph.split()) for paragraph in work]
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
    """Words of several paragraphs."""
    return sum(len(paragraph.split()) for paragraph in work)
