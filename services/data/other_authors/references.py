"""A few passages of other authors, cut as the manuscript is, to tell a learnt voice from mere English."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from scriptorium.contracts import Finding, PrepareRequest
from scriptorium.errors import UserError
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import Chunking
from services.data.cleaning.chapters import Chapter, make_unique
from services.data.cleaning.clean import clean_book
from services.data.passage import Passage, add_briefs, cut_chapters
from services.data.readers import read_manuscript

PER_BOOK = 4
IN_ALL = 24
ENOUGH = 20_000  # words around the middle of a book that show which of its words are rare
LONG = 15  # words of a paragraph that two books do not share by chance
SAME = 0.5  # share of long paragraphs, of the shorter book's, that makes two books one


def collect_references(
    request: PrepareRequest, manuscript: Iterable[str], tokenizer: ChatTokenizer, reporter: Reporter
) -> tuple[list[Passage], list[Finding]]:
    """Passages with briefs from the middle of other authors' books; `manuscript` is the author's paragraphs."""
    books = sorted(request.references.glob("*.txt")) if request.references else []
    known = long_paragraphs(manuscript) if books else frozenset[int]()
    passages: list[Passage] = []
    findings: list[Finding] = []
    for path in books[:IN_ALL]:
        reporter.check()
        chapters, seen = read_reference(path, known)
        held, dropped = add_briefs(cut_middle(chapters, request.chunking, tokenizer))
        chosen = take_middle(within_range(held, request.chunking), IN_ALL // len(books))
        passages += [replace(passage, author=path.stem) for passage in chosen]
        findings += [*seen, *dropped]
    return passages, findings


def read_reference(path: Path, known: frozenset[int]) -> tuple[list[Chapter], list[Finding]]:
    """The chapters of another author's book; none, and why, where it is unreadable or the manuscript itself."""
    try:
        book = read_manuscript(path, path.name)
    except UserError as error:
        return [], [Finding(code="reference_unreadable", place=path.name, message=str(error))]
    chapters = list(make_unique(clean_book(book.parts[0].text)))
    own = long_paragraphs(paragraph for chapter in chapters for paragraph in chapter.paragraphs)
    if len(own & known) > SAME * min(len(own), len(known)):
        return [], [Finding(code="reference_left_out", place=path.name, message="is the manuscript itself")]
    return chapters, []


def cut_middle(chapters: list[Chapter], chunking: Chunking, tokenizer: ChatTokenizer) -> list[Passage]:
    """The passages of the chapters around the middle of a book."""
    middle = (len(chapters) - 1) / 2
    chosen, words = [], 0
    for index in sorted(range(len(chapters)), key=lambda index: abs(index - middle)):
        if words < ENOUGH:
            chosen.append(index)
            words += chapters[index].words
    cut = cut_chapters([chapters[index] for index in sorted(chosen)], chunking, tokenizer)
    return [passage for passages in cut for passage in passages]


def within_range(passages: list[Passage], chunking: Chunking) -> list[Passage]:
    """Passages as long as the manuscript's own; all of them where none is."""
    fitting = [passage for passage in passages if chunking.minimum <= passage.length(chunking.unit) <= chunking.maximum]
    return fitting or passages


def take_middle(passages: list[Passage], share: int) -> list[Passage]:
    """At most PER_BOOK passages in a row, at least one."""
    wanted = max(1, min(PER_BOOK, share))
    start = max(0, (len(passages) - wanted) // 2)
    return passages[start : start + wanted]


def long_paragraphs(paragraphs: Iterable[str]) -> frozenset[int]:
    """Hashes of the paragraphs long enough to tell a book by, without their white space."""
    return frozenset(hash("".join(paragraph.split())) for paragraph in paragraphs if paragraph.count(" ") >= LONG)
