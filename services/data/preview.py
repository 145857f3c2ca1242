"""A preview of cleaning: the changes to a manuscript, to look at before anything is written."""

from __future__ import annotations

from pathlib import Path

from scriptorium.contracts import CleaningStep, Contract, Finding
from scriptorium.jobs.reporter import Reporter
from scriptorium.text.word_spans import count_running_words
from services.data.cleaning.steps import MAX_EXAMPLES, CleaningLog
from services.data.prepare import gather_chapters
from services.data.readers import read_manuscript
from services.data.text_file import TextFile


class ChapterPreview(Contract):
    """A chapter's title and its number of words."""

    title: str
    words: int


class Preview(Contract):
    """The words before and after, the chapters, every step with its first changes, and the findings."""

    words_in: int
    words_kept: int
    chapters: list[ChapterPreview]
    steps: list[CleaningStep]
    findings: list[Finding]


def preview_manuscript(path: Path, filename: str, reporter: Reporter, examples: int = MAX_EXAMPLES) -> Preview:
    """Clean a manuscript and keep so many examples of each step; writes nothing. Raises as `read_manuscript` does."""
    log = CleaningLog(examples)
    with TextFile() as texts:
        manuscript = read_manuscript(path, filename, texts.add)
        chapters = [
            ChapterPreview(title=chapter.title, words=chapter.words)
            for chapter in gather_chapters(manuscript, log, reporter)
        ]
        words = sum(count_running_words(part.text) for part in manuscript.parts)
    return Preview(
        words_in=words,
        words_kept=sum(chapter.words for chapter in chapters),
        chapters=chapters,
        steps=log.steps(),
        findings=manuscript.findings,
    )
