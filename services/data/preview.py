"""A preview of cleaning: the changes to a manuscript, to look at before anything is written."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from scriptorium.contracts import CleaningStep, Contract, Finding
from scriptorium.jobs.reporter import Reporter
from services.data.checks.left_out import examine_left_out
from services.data.cleaning.steps import MAX_EXAMPLES, CleaningLog
from services.data.cut_manuscript import gather_chapters
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


def preview_manuscript(
    path: Path, filename: str, reporter: Reporter, examples: int = MAX_EXAMPLES, skipped: Collection[str] = ()
) -> Preview:
    """Clean a manuscript without the skipped steps, and keep so many examples of each other step; writes nothing.

    Raises as `read_manuscript` does.
    """
    log = CleaningLog(examples, skipped=skipped)
    with TextFile() as texts:
        manuscript = read_manuscript(path, filename, texts.add)
        chapters = [
            ChapterPreview(title=chapter.title, words=chapter.words)
            for chapter in gather_chapters(manuscript, log, reporter)
        ]
    steps = log.steps()
    return Preview(
        words_in=log.words_in,
        words_kept=sum(chapter.words for chapter in chapters),
        chapters=chapters,
        steps=steps,
        findings=[
            *manuscript.findings,
            *examine_left_out(steps, log.words_in, log.letters_missing, filename),
        ],
    )
