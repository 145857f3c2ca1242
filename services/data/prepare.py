"""Manuscript to checked training data: read, clean, cut, brief, split, check, write.

By hand: `scriptorium prepare`; in a job: services/data/tasks.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scriptorium.chat import chat_tokenizer
from scriptorium.contracts import Finding, Level, PrepareRequest, PrepareResult, TokenStatistics
from scriptorium.dataset import REFERENCE, SPLITS
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.report import Report
from services.data import check
from services.data.chapters import Chapter, make_unique
from services.data.chunk import Count
from services.data.clean import clean_book, clean_passage
from services.data.doubts import settle
from services.data.passage import Passage, add_briefs, cut_chapter, measure
from services.data.read import Manuscript, read_manuscript
from services.data.reference import collect_references
from services.data.split import split_passages
from services.data.write import write_dataset

SHOWN = 5  # findings of a kind that are told one by one


@dataclass(frozen=True)
class Cut:
    """A manuscript in passages."""

    passages: list[Passage]
    words: int
    chapters: int


def prepare_manuscript(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
    """Write the dataset of a manuscript to `folder`; raises InvalidTrainingFile, FileTooLarge or TooFewExamples."""
    manuscript = read_manuscript(request.manuscript, request.filename)
    count = chat_tokenizer(request.base).count
    cut = cut_manuscript(manuscript, request, count, report)
    report.message(f"[DATA] Processing {len(cut.passages)} chunks -> JSONL")
    passages, findings = choose_passages(cut.passages, request, manuscript.curated)
    splits, uneven = split_passages(passages, request.split, request.seed)
    check.check_count(len(splits["train"]))
    paragraphs = [paragraph for passage in passages for paragraph in passage.text.split("\n\n")]
    splits[REFERENCE], left_out = collect_references(request, paragraphs, count, report)
    misfits = check.find_misfits(passages, request.chunking, manuscript.curated)
    found = [*manuscript.findings, *findings, *uneven, *left_out, *misfits]
    settle(found, len(passages), report)
    result = PrepareResult(
        words=cut.words,
        chapters=cut.chapters,
        splits={name: check.token_statistics(chosen) for name, chosen in {"all": passages, **splits}.items() if chosen},
        findings=found,
    )
    check.check_written(folder, write_dataset(folder, {name: rows for name, rows in splits.items() if rows}, result))
    tell_result(result, report)
    return result


def cut_manuscript(manuscript: Manuscript, request: PrepareRequest, count: Count, report: Report) -> Cut:
    """Passages in reading order; a curated file is one passage and one chapter. Raises InvalidTrainingFile."""
    chapters = gather_chapters(manuscript, report)
    if manuscript.curated:
        texts = ["\n\n".join(chapter.paragraphs) for chapter in chapters]
        names = [chapter.title for chapter in chapters]
        passages = measure(texts, names, names, count)
    else:
        passages = []
        for chapter in chapters:
            report.check()
            passages += cut_chapter(chapter, request.chunking, count)
    return Cut(passages, sum(chapter.words for chapter in chapters), len(chapters))


def gather_chapters(manuscript: Manuscript, report: Report) -> list[Chapter]:
    """The chapters of every part, titled apart; raises InvalidTrainingFile where a part has no text."""
    chapters: list[Chapter] = []
    problems = []
    for part in manuscript.parts:
        report.check()
        found = [Chapter(part.name, [clean_passage(part.text)])] if manuscript.curated else clean_book(part.text)
        if not any(chapter.words for chapter in found):
            problems.append(Problem(part.name, "holds no text once headings and licence are left out"))
        several = len(manuscript.parts) > 1 and not manuscript.curated
        chapters += [Chapter(f"{part.name}: {each.title}", each.paragraphs) if several else each for each in found]
    if problems:
        raise InvalidTrainingFile(f"{len(problems)} text(s) are empty.", problems=problems)
    return make_unique(chapters)


def choose_passages(
    passages: Sequence[Passage], request: PrepareRequest, curated: bool
) -> tuple[list[Passage], list[Finding]]:
    """The passages that are worth training on, with their briefs; a curated one is, whatever its length."""
    kept, tiny = (list(passages), []) if curated else check.drop_tiny(passages, request.chunking)
    kept, repeated = check.drop_repeated(kept)
    kept, quoting = add_briefs(kept, request.prompt)
    return kept, [*tiny, *repeated, *quoting]


def tell_result(result: PrepareResult, report: Report) -> None:
    """Say what the dataset holds, split by split, and what a person should look at."""
    report.message(f"[DATA] {describe(result.splits['all'])}")
    for name in (*SPLITS, REFERENCE):
        if name in result.splits:
            report.message(f"[DATA] {name}: {describe(result.splits[name])}")
    by_code: dict[str, list[Finding]] = defaultdict(list)
    for finding in result.findings:
        by_code[finding.code].append(finding)
    for code, findings in by_code.items():
        for finding in findings[:SHOWN]:
            report.message(f"[DATA] {finding.place}: {finding.message}", level=Level.WARN, code=code)
        if len(findings) > SHOWN:
            more = len(findings) - SHOWN
            report.message(f"[DATA] {more} more of {code}: see quality.json", level=Level.WARN, code=code)


def describe(statistics: TokenStatistics) -> str:
    """Statistics in a line."""
    return (
        f"{statistics.examples:,} examples, avg {statistics.mean:,.0f} tokens, "
        f"range {statistics.minimum:,}-{statistics.maximum:,}"
    )
