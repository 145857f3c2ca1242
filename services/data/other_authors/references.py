"""Reference passages of other authors, cut as the manuscript is, to distinguish a learned voice from mere English."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from scriptorium.contracts import Finding, PrepareRequest
from scriptorium.errors import UserError
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import Chunking
from scriptorium.text.word_spans import count_running_words, has_unspaced
from services.data.chunking.cut import cut_chapters
from services.data.cleaning.chapters import Chapter, make_unique
from services.data.cleaning.clean import clean_book
from services.data.passage import Passage
from services.data.prompts.extracted_brief import add_briefs
from services.data.readers import read_manuscript

PASSAGES_PER_BOOK = 4
MAX_PASSAGES = 24
MIDDLE_WORDS = 20_000  # around the middle of a book; enough to show which of its words are rare
MIN_PARAGRAPH_WORDS = 15  # two books do not share a paragraph of so many words by chance
SAME_BOOK_SHARE = 0.5  # of the shorter book's long paragraphs; two books that share more are one


def collect_references(
    request: PrepareRequest, manuscript: Iterable[str], tokenizer: ChatTokenizer, reporter: Reporter
) -> tuple[list[Passage], list[Finding]]:
    """Collect passages with briefs from the middle of other authors' books; `manuscript` has its paragraphs."""
    books = sorted(request.references.glob("*.txt")) if request.references else []
    manuscript_hashes = hash_long_paragraphs(manuscript) if books else frozenset[int]()
    passages: list[Passage] = []
    findings: list[Finding] = []
    for path in books[:MAX_PASSAGES]:
        reporter.check()
        chapters, problems = read_reference(path, manuscript_hashes)
        briefed, dropped = add_briefs(cut_middle(chapters, request.chunking, tokenizer))
        chosen = take_middle(prefer_in_range(briefed, request.chunking), MAX_PASSAGES // len(books))
        passages += [replace(passage, author=path.stem) for passage in chosen]
        findings += [*problems, *dropped]
    return passages, findings


def read_reference(path: Path, manuscript_hashes: frozenset[int]) -> tuple[list[Chapter], list[Finding]]:
    """Read the chapters of another author's book; none and a finding if it is unreadable or the manuscript itself."""
    try:
        book = read_manuscript(path, path.name)
    except UserError as error:
        return [], [Finding(code="reference_unreadable", place=path.name, message=str(error))]
    chapters = list(make_unique(clean_book(book.parts[0].text)))
    hashes = hash_long_paragraphs(paragraph for chapter in chapters for paragraph in chapter.paragraphs)
    if len(hashes & manuscript_hashes) > SAME_BOOK_SHARE * min(len(hashes), len(manuscript_hashes)):
        return [], [Finding(code="reference_left_out", place=path.name, message="is the manuscript itself")]
    return chapters, []


def cut_middle(chapters: list[Chapter], chunking: Chunking, tokenizer: ChatTokenizer) -> list[Passage]:
    """Cut the chapters around the middle of a book into passages."""
    middle = (len(chapters) - 1) / 2
    chosen, words = [], 0
    for index in sorted(range(len(chapters)), key=lambda index: abs(index - middle)):
        if words < MIDDLE_WORDS:
            chosen.append(index)
            words += chapters[index].words
    cut = cut_chapters([chapters[index] for index in sorted(chosen)], chunking, tokenizer)
    return [passage for passages in cut for passage in passages]


def prefer_in_range(passages: list[Passage], chunking: Chunking) -> list[Passage]:
    """Return the passages whose lengths are in the recipe's range; all passages if there are none."""
    fitting = [passage for passage in passages if chunking.minimum <= passage.length(chunking.unit) <= chunking.maximum]
    return fitting or passages


def take_middle(passages: list[Passage], share: int) -> list[Passage]:
    """Take consecutive passages from the middle, at least one and at most PASSAGES_PER_BOOK."""
    count = max(1, min(PASSAGES_PER_BOOK, share))
    start = max(0, (len(passages) - count) // 2)
    return passages[start : start + count]


def hash_long_paragraphs(paragraphs: Iterable[str]) -> frozenset[int]:
    """Hash the paragraphs that are long enough to identify a book, without their white space."""
    return frozenset(
        hash("".join(paragraph.split())) for paragraph in paragraphs if has_words(paragraph, MIN_PARAGRAPH_WORDS)
    )


def has_words(paragraph: str, number: int) -> bool:
    """Return whether a paragraph has more words than a number."""
    return paragraph.count(" ") >= number or (has_unspaced(paragraph) and count_running_words(paragraph) > number)
