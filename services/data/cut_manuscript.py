"""A manuscript, read and cleaned into chapters, and cut into passages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from scriptorium.contracts import CleaningStep, Finding, PrepareRequest
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.recipe import AUTO
from scriptorium.text.languages.language import Language, read_language
from scriptorium.text.titles import choose_title
from services.data.books.name_passages import name_passages
from services.data.books.remarks import note_books
from services.data.books.tell_books import ChapterSize, list_files, tell_books
from services.data.checks.left_out import examine_left_out
from services.data.checks.row_method import check_method
from services.data.chunking.cut import cut_chapters, take_curated, take_rows
from services.data.chunking.fit import measure_room, note_fitted
from services.data.cleaning.chapters import Chapter, make_unique
from services.data.cleaning.clean import clean_book, clean_passage, clean_sections
from services.data.cleaning.steps import CleaningLog
from services.data.passage import Passage
from services.data.readers import Manuscript, Part, read_manuscript
from services.data.text_file import StoreText


@dataclass(frozen=True)
class CutManuscript:
    """A manuscript in passages, with its title, words, chapters, cleaning steps and findings."""

    title: str
    passages: list[Passage]
    words_in: int
    words: int
    letters_missing: int
    chapters: int
    steps: list[CleaningStep]
    curated: bool
    findings: list[Finding]


def cut_manuscript(
    request: PrepareRequest, tokenizer: ChatTokenizer, store: StoreText, reporter: Reporter
) -> CutManuscript:
    """Cut a manuscript into passages in reading order; raises InvalidTrainingFile.

    A curated file is one passage and one chapter.
    """
    manuscript = read_manuscript(request.manuscript, request.filename, store)
    check_method(manuscript, request.filename, request.method)
    cleaning = CleaningLog(skipped=request.skip_cleaning, keep_doubtful=request.keep_doubtful)
    language = None if request.language == AUTO else read_language(request.language)
    sizes: list[ChapterSize] = []
    chapters = record_sizes(gather_chapters(manuscript, cleaning, reporter, language), sizes)
    if manuscript.curated:
        passages = take_curated(chapters, tokenizer, store)
    else:
        passages, room = [], measure_room(request, tokenizer)
        for chapter_passages in cut_chapters(chapters, request.chunking, tokenizer, store, room):
            reporter.check()
            passages += chapter_passages
    books = tell_books(list_files(manuscript.parts, sizes), request.filename)
    passages = name_passages(passages, sizes, books)
    rows = take_rows(manuscript.rows, tokenizer, store)
    steps = cleaning.steps()
    return CutManuscript(
        title=choose_title(manuscript.stated_title, request.filename),
        passages=[*passages, *rows],
        words_in=cleaning.words_in + sum(row.words for row in rows),
        words=sum(size.words for size in sizes) + sum(row.words for row in rows),
        letters_missing=cleaning.letters_missing,
        chapters=len(sizes) + len({row.chapter for row in rows}),
        steps=steps,
        curated=manuscript.curated,
        findings=[
            *manuscript.findings,
            *examine_left_out(steps, cleaning.words_in, cleaning.letters_missing, request.filename),
            *note_books(books, request.filename),
            *note_fitted(sum(passage.fitted for passage in passages), len(passages), request),
        ],
    )


def record_sizes(chapters: Iterable[Chapter], sizes: list[ChapterSize]) -> Iterator[Chapter]:
    """Yield the chapters, and append the size of each to `sizes`."""
    for chapter in chapters:
        sizes.append(ChapterSize(chapter.source, chapter.title, chapter.words))
        yield chapter


def gather_chapters(
    manuscript: Manuscript, cleaning: CleaningLog, reporter: Reporter, language: Language | None = None
) -> Iterator[Chapter]:
    """Yield the cleaned chapters of every part, with unique titles; without a language, each text shows its own.

    Raises InvalidTrainingFile after the last chapter if a part has no text.
    """
    problems: list[Problem] = []
    yield from make_unique(clean_parts(manuscript, cleaning, problems, reporter, language))
    if problems:
        raise InvalidTrainingFile(f"{len(problems)} text(s) are empty.", problems=problems)


def clean_parts(
    manuscript: Manuscript,
    cleaning: CleaningLog,
    problems: list[Problem],
    reporter: Reporter,
    language: Language | None,
) -> Iterator[Chapter]:
    """Yield the chapters of every part; append to `problems` if a part has no text."""
    several = not manuscript.curated and len({part.name for part in manuscript.parts}) > 1
    for part in manuscript.parts:
        reporter.check()
        opens = cleaning.source != part.name
        cleaning.source = part.name
        chapters = clean_part(part, manuscript.curated, cleaning, language, opens=opens)
        if opens and not any(chapter.words for chapter in chapters):
            problems.append(Problem(part.name, "has no text apart from headings and a licence"))
        for chapter in chapters:
            title = f"{part.name}: {chapter.title}" if several else chapter.title
            yield replace(chapter, title=title, source=part.name)


def clean_part(
    part: Part, curated: bool, cleaning: CleaningLog, language: Language | None, *, opens: bool
) -> list[Chapter]:
    """Clean a part into chapters, by the headings of its format if it has any; a curated part is one chapter."""
    if curated:
        return [Chapter(part.name, [clean_passage(part.text, cleaning, part.line, language)])]
    if sections := part.sections:
        return clean_sections(sections, cleaning, language)
    return clean_book(part.text, cleaning, part.line, language, opens=opens)
