"""Manuscript to checked training data: read, clean, cut, brief, split, check, write.

By hand: `scriptorium prepare`; in a job: services/data/tasks.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scriptorium.chat import ChatTokenizer, chat_tokenizer
from scriptorium.contracts import CleaningStep, Finding, Level, PrepareRequest, PrepareResult, TokenStatistics
from scriptorium.dataset import REFERENCE, SPLITS
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.report import Report
from services.data import check
from services.data.chapters import Chapter, make_unique
from services.data.clean import clean_book, clean_passage, clean_sections
from services.data.describe import describe_passages
from services.data.doubts import settle
from services.data.examples import show_examples
from services.data.gates import lengths
from services.data.gates.examine import examine, refuse
from services.data.gates.table import judge
from services.data.impostors import write_impostors
from services.data.page import write_page
from services.data.passage import Passage, add_briefs, cut_chapters, each_paragraph, take_rows, take_whole
from services.data.prompt import ask_training
from services.data.read import Manuscript, Part, read_manuscript
from services.data.reference import collect_references
from services.data.split import divide_passages
from services.data.steps import Cleaning
from services.data.write import write_dataset

SHOWN = 5  # findings of a kind that are told one by one


@dataclass(frozen=True)
class Cut:
    """A manuscript in passages."""

    passages: list[Passage]
    words: int
    chapters: int
    steps: list[CleaningStep]


def prepare_manuscript(request: PrepareRequest, folder: Path, report: Report) -> PrepareResult:
    """Write the dataset of a manuscript to `folder`; raises InvalidTrainingFile, FileTooLarge or TooFewExamples."""
    manuscript = read_manuscript(request.manuscript, request.filename)
    tokenizer = chat_tokenizer(request.base)
    cut = cut_manuscript(manuscript, request, tokenizer, report)
    report.message(f"[DATA] Processing {len(cut.passages)} chunks -> JSONL")
    passages, findings = choose_passages(cut.passages, request, manuscript.curated, tokenizer)
    if request.brief_writer:
        passages, extracted = describe_passages(passages, request.brief_writer, report)
        findings += extracted
    divided = divide_passages(passages, request.split, request.seed)
    splits = divided.splits
    everything = [passage for name in SPLITS for passage in splits[name]]
    lengths.check_count(len(splits["train"]))
    splits["train"] = ask_training(splits["train"], request.prompt, request.mix, request.seed, request.sequence_len)
    splits[REFERENCE], left_out = collect_references(request, each_paragraph(passages), tokenizer, report)
    left_out += write_impostors(request, each_paragraph(passages), folder, report)
    seen = examine(
        passages,
        divided.near_duplicates,
        request.chunking,
        curated=manuscript.curated,
        place=request.filename,
        report=report,
    )
    findings = judge([*manuscript.findings, *findings, *divided.findings, *left_out, *seen], len(passages))
    refuse(findings)
    settle(findings, len(passages), report)
    result = PrepareResult(
        words=cut.words,
        chapters=cut.chapters,
        splits={
            name: check.token_statistics(chosen) for name, chosen in {"all": everything, **splits}.items() if chosen
        },
        steps=cut.steps,
        findings=findings,
    )
    rows = write_dataset(folder, {name: held for name, held in splits.items() if held}, result)
    check.check_written(folder, rows)
    tell_result(result, report)
    report.message(f"[DATA] Leak check: {divided.comparison}")
    show_examples(rows["train"], tokenizer, folder, report)
    write_page(folder, request, result, order=passages, splits=splits, leaks=str(divided.comparison))
    return result


def cut_manuscript(manuscript: Manuscript, request: PrepareRequest, tokenizer: ChatTokenizer, report: Report) -> Cut:
    """Passages in reading order; a curated file is one passage and one chapter. Raises InvalidTrainingFile."""
    cleaning = Cleaning()
    chapters = gather_chapters(manuscript, cleaning, report)
    if manuscript.curated:
        passages = take_whole(list(chapters), tokenizer)
    else:
        passages = [each for found in cut_chapters(chapters, request.chunking, tokenizer) for each in found]
    rows = take_rows(manuscript.examples, tokenizer)
    count = len({passage.chapter for passage in passages}) + len({row.chapter for row in rows})
    return Cut([*passages, *rows], sum(passage.words for passage in (*passages, *rows)), count, cleaning.steps())


def gather_chapters(manuscript: Manuscript, cleaning: Cleaning, report: Report) -> Iterator[Chapter]:
    """The chapters of every part, titled apart; raises InvalidTrainingFile where a part has no text.

    The manuscript gives its parts away, so that a long text is not held twice.
    """
    return make_unique(clean_parts(manuscript, cleaning, report))


def clean_parts(manuscript: Manuscript, cleaning: Cleaning, report: Report) -> Iterator[Chapter]:
    """The chapters of one part after the other."""
    problems = []
    several = not manuscript.curated and len({part.name for part in manuscript.parts}) > 1
    while manuscript.parts:
        part = manuscript.parts.pop(0)
        report.check()
        opens = cleaning.source != part.name
        cleaning.source = part.name
        found = clean_part(part, manuscript.curated, cleaning, opens=opens)
        if opens and not any(chapter.words for chapter in found):
            problems.append(Problem(part.name, "holds no text once headings and licence are left out"))
        yield from (replace(each, title=f"{part.name}: {each.title}") if several else each for each in found)
    if problems:
        raise InvalidTrainingFile(f"{len(problems)} text(s) are empty.", problems=problems)


def clean_part(part: Part, curated: bool, cleaning: Cleaning, *, opens: bool) -> list[Chapter]:
    """The chapters of a part, by the headings of its format where it has them; a curated one is its own chapter."""
    if curated:
        return [Chapter(part.name, [clean_passage(part.text, cleaning, part.line)])]
    if part.sections:
        return clean_sections(part.sections, cleaning)
    return clean_book(part.text, cleaning, part.line, opens=opens)


def choose_passages(
    passages: Sequence[Passage], request: PrepareRequest, curated: bool, tokenizer: ChatTokenizer
) -> tuple[list[Passage], list[Finding]]:
    """The passages that are worth training on, with their briefs; a curated one is, whatever its length."""
    kept, tiny = (list(passages), []) if curated else lengths.drop_tiny(passages, request.chunking)
    kept, repeated = lengths.drop_repeated(kept)
    kept, overlong = lengths.drop_overlong(kept, tokenizer, request.sequence_len)
    kept, quoting = add_briefs(kept)
    return kept, [*tiny, *repeated, *overlong, *quoting]


def tell_result(result: PrepareResult, report: Report) -> None:
    """Say what the dataset holds, split by split, and what a person should look at."""
    report.message(f"[DATA] {describe(result.splits['all'])}")
    for name in (*SPLITS, REFERENCE):
        if name in result.splits:
            report.message(f"[DATA] {name}: {describe(result.splits[name])}")
    if result.steps:
        steps = ", ".join(f"{step.name.replace('_', ' ')} {step.count:,}" for step in result.steps)
        report.message(f"[DATA] Cleaned: {steps}")
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
