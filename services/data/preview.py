"""What cleaning would do to a manuscript, to look at before anything is written."""

from __future__ import annotations

from pathlib import Path

from scriptorium.contracts import CleaningStep, Contract, Finding
from scriptorium.jobs.reporter import Reporter
from services.data.cleaning.steps import EXAMPLES, Cleaning
from services.data.prepare import gather_chapters
from services.data.readers import read_manuscript
from services.data.text_file import Texts


class ChapterFound(Contract):
    """A chapter's title and how many words it has."""

    title: str
    words: int


class Preview(Contract):
    """The words before and after, the chapters, every step with its first changes, and what was noticed."""

    words_in: int
    words_kept: int
    chapters: list[ChapterFound]
    steps: list[CleaningStep]
    findings: list[Finding]


def preview_manuscript(path: Path, filename: str, reporter: Reporter, examples: int = EXAMPLES) -> Preview:
    """Clean a manuscript with so many examples of each step; raises what reading it raises. Writes nothing."""
    cleaning = Cleaning(examples)
    with Texts() as texts:
        manuscript = read_manuscript(path, filename, texts.add)
        chapters = [
            ChapterFound(title=each.title, words=each.words) for each in gather_chapters(manuscript, cleaning, reporter)
        ]
        words = sum(len(part.text.split()) for part in manuscript.parts)
    return Preview(
        words_in=words,
        words_kept=sum(chapter.words for chapter in chapters),
        chapters=chapters,
        steps=cleaning.steps(),
        findings=manuscript.findings,
    )
