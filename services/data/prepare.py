"""Manuscript to checked training data: read, clean, cut, brief, split, check, write.

By hand: `scriptorium prepare`; in a job: services/data/tasks.py.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scriptorium.artifacts.dataset import REFERENCE, SPLITS
from scriptorium.contracts import CleaningStep, Finding, Level, PrepareRequest, PrepareResult, TokenStatistics
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from services.data.checks import lengths
from services.data.checks.ask_about_findings import settle
from services.data.checks.codes import judge
from services.data.checks.run_checks import examine, refuse
from services.data.cleaning.chapters import Chapter, make_unique
from services.data.cleaning.clean import clean_book, clean_passage, clean_sections
from services.data.cleaning.steps import Cleaning
from services.data.other_authors.impostors import write_impostors
from services.data.other_authors.references import collect_references
from services.data.output import verify
from services.data.output.quality_page import write_page
from services.data.output.write import make_row, write_dataset
from services.data.passage import Passage, add_briefs, cut_chapters, each_paragraph, take_rows, take_whole
from services.data.prompts.mix import ask_training
from services.data.prompts.model_brief import describe_passages
from services.data.prompts.rendered_examples import choose_examples, show_examples
from services.data.readers import Manuscript, Part, read_manuscript
from services.data.splits.split import divide_passages
from services.data.text_file import Keep, Texts

SHOWN = 5  # findings of a kind that are told one by one


@dataclass(frozen=True)
class Cut:
    """A manuscript in passages, and what is known of it."""

    passages: list[Passage]
    words: int
    chapters: int
    steps: list[CleaningStep]
    curated: bool
    findings: list[Finding]


def prepare_manuscript(request: PrepareRequest, folder: Path, reporter: Reporter) -> PrepareResult:
    """Write the dataset of a manuscript to `folder`; raises InvalidTrainingFile, FileTooLarge or TooFewExamples.

    Its texts lie in files of `folder` without names while it works: in memory is one stretch of them at a time.
    """
    with Texts(folder) as texts:
        return prepare_texts(request, folder, texts, reporter)


def prepare_texts(request: PrepareRequest, folder: Path, texts: Texts, reporter: Reporter) -> PrepareResult:
    """The same, with a place for the texts."""
    tokenizer = chat_tokenizer(request.base)
    cut = cut_manuscript(request, tokenizer, texts.add, reporter)
    reporter.message(f"[DATA] Processing {len(cut.passages)} chunks -> JSONL")
    passages, findings = choose_passages(cut.passages, request, cut.curated, tokenizer, reporter)
    divided = divide_passages(passages, request.split, request.seed, folder)
    splits = divided.splits
    everything = [passage for name in SPLITS for passage in splits[name]]
    splits["train"] = ask_training(splits["train"], request.prompt, request.mix, request.seed, request.sequence_len)
    splits[REFERENCE], left_out = collect_references(request, each_paragraph(passages), tokenizer, reporter)
    left_out += write_impostors(request, each_paragraph(passages), folder, reporter)
    seen = examine(
        passages,
        divided.near_duplicates,
        request.chunking,
        curated=cut.curated,
        place=request.filename,
        reporter=reporter,
    )
    findings = judge([*cut.findings, *findings, *divided.findings, *left_out, *seen], len(passages))
    refuse(findings, len(splits["train"]))
    settle(findings, len(passages), reporter)
    splits = {name: held for name, held in splits.items() if held}
    result = summarise(cut, {"all": everything, **splits}, findings)
    write_dataset(folder, splits, result)
    verify.check_written(folder, splits)
    tell_result(result, reporter)
    reporter.message(f"[DATA] Leak check: {divided.comparison}")
    show_examples(map(make_row, choose_examples(splits["train"])), tokenizer, folder, reporter)
    write_page(folder, request, result, order=passages, splits=splits, leaks=str(divided.comparison))
    return result


def summarise(cut: Cut, splits: Mapping[str, Sequence[Passage]], findings: list[Finding]) -> PrepareResult:
    """What there is to know of a dataset."""
    return PrepareResult(
        words=cut.words,
        chapters=cut.chapters,
        splits={name: verify.token_statistics(held) for name, held in splits.items()},
        steps=cut.steps,
        findings=findings,
    )


def cut_manuscript(request: PrepareRequest, tokenizer: ChatTokenizer, keep: Keep, reporter: Reporter) -> Cut:
    """Passages in reading order; a curated file is one passage and one chapter. Raises InvalidTrainingFile."""
    manuscript = read_manuscript(request.manuscript, request.filename, keep)
    cleaning = Cleaning()
    sizes: list[int] = []
    chapters = note_sizes(gather_chapters(manuscript, cleaning, reporter), sizes)
    if manuscript.curated:
        passages = take_whole(chapters, tokenizer, keep)
    else:
        passages = []
        for found in cut_chapters(chapters, request.chunking, tokenizer, keep):
            reporter.check()
            passages += found
    rows = take_rows(manuscript.examples, tokenizer, keep)
    return Cut(
        passages=[*passages, *rows],
        words=sum(sizes) + sum(row.words for row in rows),
        chapters=len(sizes) + len({row.chapter for row in rows}),
        steps=cleaning.steps(),
        curated=manuscript.curated,
        findings=manuscript.findings,
    )


def note_sizes(chapters: Iterable[Chapter], sizes: list[int]) -> Iterator[Chapter]:
    """The chapters as they come, and the words of each put down in `sizes`."""
    for chapter in chapters:
        sizes.append(chapter.words)
        yield chapter


def gather_chapters(manuscript: Manuscript, cleaning: Cleaning, reporter: Reporter) -> Iterator[Chapter]:
    """The chapters of every part as they are cleaned, titled apart.

    Raises InvalidTrainingFile after the last one where a part had no text.
    """
    problems: list[Problem] = []
    yield from make_unique(clean_parts(manuscript, cleaning, problems, reporter))
    if problems:
        raise InvalidTrainingFile(f"{len(problems)} text(s) are empty.", problems=problems)


def clean_parts(
    manuscript: Manuscript, cleaning: Cleaning, problems: list[Problem], reporter: Reporter
) -> Iterator[Chapter]:
    """The chapters of every part; adds to `problems` where one has no text."""
    several = not manuscript.curated and len({part.name for part in manuscript.parts}) > 1
    for part in manuscript.parts:
        reporter.check()
        opens = cleaning.source != part.name
        cleaning.source = part.name
        found = clean_part(part, manuscript.curated, cleaning, opens=opens)
        if opens and not any(chapter.words for chapter in found):
            problems.append(Problem(part.name, "holds no text once headings and licence are left out"))
        for chapter in found:
            yield replace(chapter, title=f"{part.name}: {chapter.title}") if several else chapter


def clean_part(part: Part, curated: bool, cleaning: Cleaning, *, opens: bool) -> list[Chapter]:
    """The chapters of a part, by the headings of its format where it has them; a curated one is its own chapter."""
    if curated:
        return [Chapter(part.name, [clean_passage(part.text, cleaning, part.line)])]
    if sections := part.sections:
        return clean_sections(sections, cleaning)
    return clean_book(part.text, cleaning, part.line, opens=opens)


def choose_passages(
    passages: Sequence[Passage], request: PrepareRequest, curated: bool, tokenizer: ChatTokenizer, reporter: Reporter
) -> tuple[list[Passage], list[Finding]]:
    """The passages that are worth training on, with their briefs; a curated one is, whatever its length."""
    kept, tiny = (list(passages), []) if curated else lengths.drop_tiny(passages, request.chunking)
    kept, repeated = lengths.drop_repeated(kept)
    kept, overlong = lengths.drop_overlong(kept, tokenizer, request.sequence_len)
    kept, quoting = add_briefs(kept)
    kept, extracted = describe_passages(kept, request.brief_writer, reporter) if request.brief_writer else (kept, [])
    return kept, [*tiny, *repeated, *overlong, *quoting, *extracted]


def tell_result(result: PrepareResult, reporter: Reporter) -> None:
    """Say what the dataset holds, split by split, and what a person should look at."""
    reporter.message(f"[DATA] {describe(result.splits['all'])}")
    for name in (*SPLITS, REFERENCE):
        if name in result.splits:
            reporter.message(f"[DATA] {name}: {describe(result.splits[name])}")
    if result.steps:
        steps = ", ".join(f"{step.name.replace('_', ' ')} {step.count:,}" for step in result.steps)
        reporter.message(f"[DATA] Cleaned: {steps}")
    by_code: dict[str, list[Finding]] = defaultdict(list)
    for finding in result.findings:
        by_code[finding.code].append(finding)
    for code, findings in by_code.items():
        for finding in findings[:SHOWN]:
            reporter.message(f"[DATA] {finding.place}: {finding.message}", level=Level.WARN, code=code)
        if len(findings) > SHOWN:
            more = len(findings) - SHOWN
            reporter.message(f"[DATA] {more} more of {code}: see quality.json", level=Level.WARN, code=code)


def describe(statistics: TokenStatistics) -> str:
    """Statistics in a line."""
    return (
        f"{statistics.examples:,} examples, avg {statistics.mean:,.0f} tokens, "
        f"range {statistics.minimum:,}-{statistics.maximum:,}"
    )
