"""The entry point of the checks: all of them on every passage, before anything is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from scriptorium.contracts import Finding, Severity
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import Chunking
from scriptorium.text.languages.language import Language
from services.data.checks import lengths
from services.data.checks.passages import (
    boilerplate,
    characters,
    form,
    language,
    leftover_markup,
    machine_written,
    ocr,
    pii,
    repetition,
)
from services.data.checks.passages.tokenized_passage import TokenizedPassage
from services.data.passage import Passage, detect_passage_language
from services.data.readers.limits import MIN_EXAMPLES
from services.data.splits.near_duplicates import SimilarPair

PASSAGE_CHECKS = (
    characters.find_bad_characters,
    leftover_markup.find_leftover_markup,
    boilerplate.find_boilerplate,
    pii.find_personal_data,
    ocr.find_scan_faults,
    form.find_form_faults,
    repetition.find_repetition,
    machine_written.find_machine_writing,
)
# of a rejected answer: its style and its faults are not learned
REJECTED_CHECKS = (leftover_markup.find_special_tokens, pii.find_personal_data)
CONTEXT_CHECKS = (leftover_markup.find_special_tokens,)  # it is the user's own, and does not train
STOP_CHECK_INTERVAL = 50  # passages between two checks for a stop


def run_checks(
    passages: Sequence[Passage],
    pairs: Sequence[SimilarPair],
    chunking: Chunking,
    *,
    curated: bool,
    place: str,
    reporter: Reporter,
    book_language: Language | None = None,
) -> list[Finding]:
    """Return the findings about passages in reading order; `pairs` are the near-duplicates among them.

    `place` names the manuscript in findings about all of it; without a `book_language`, it is detected.
    """
    findings = list(lengths.find_out_of_range(passages, chunking, curated))
    main_language = language.find_main_language(passages, book_language)
    book_language = book_language or detect_passage_language(passages)
    word_owners, paragraphs = ocr.WordOwners(), repetition.LongParagraphs(passages, pairs)
    for index, passage in enumerate(passages):
        if index % STOP_CHECK_INTERVAL == 0:
            reporter.check()
        # Not kept: its words take ten times the memory of its text.
        tokenized = TokenizedPassage(passage, book_language)
        findings += [finding for check in PASSAGE_CHECKS for finding in check(tokenized)]
        findings += check_rejected(passage)
        findings += check_context(passage)
        findings += language.find_other_language(tokenized, main_language)
        findings += paragraphs.find_repeated(tokenized)
        word_owners.add(tokenized)
    findings += word_owners.find_strange_passages()
    findings += repetition.find_tiny_vocabulary(len(word_owners), word_owners.words.total(), place)
    findings += repetition.find_near_duplicates(passages, pairs)
    findings += machine_written.find_same_openings(passages)
    findings += machine_written.find_same_lengths(passages, place) if curated else []  # else we chose the lengths
    return findings


def check_rejected(passage: Passage) -> Iterator[Finding]:
    """Yield findings about the answer that a preference rejects: training reads it, too."""
    if rejected := passage.rejected:
        yield from check_other_text(passage, rejected, "the rejected answer", REJECTED_CHECKS)


def check_context(passage: Passage) -> Iterator[Finding]:
    """Yield findings about what stands before the answer of a ready row: a control token there forges a turn, too."""
    if passage.ready:
        context = "\n".join([*(turn["content"] for turn in passage.turns), passage.prompt])
        yield from check_other_text(passage, context, "what stands before the answer", CONTEXT_CHECKS)


def check_other_text(
    passage: Passage, text: str, name: str, checks: Sequence[Callable[[TokenizedPassage], Iterator[Finding]]]
) -> Iterator[Finding]:
    """Yield findings about another text of a passage's row, at its place."""
    tokenized = TokenizedPassage(replace(passage, stored_text=text))
    for finding in (finding for check in checks for finding in check(tokenized)):
        yield finding.model_copy(update={"message": f"in {name}: {finding.message}"})


def raise_for_findings(findings: Sequence[Finding], training: int, held_out: int = 0) -> None:
    """Raise TooFewExamples with the serious and debatable findings, or InvalidTrainingFile with the serious ones."""
    serious = [finding for finding in findings if finding.severity is Severity.SERIOUS]
    problems = [Problem(finding.place, f"{finding.message} ({finding.code})") for finding in serious]
    if training < MIN_EXAMPLES:
        debatable = [finding for finding in findings if finding.severity is Severity.DEBATABLE]
        problems += [Problem(finding.place, f"{finding.message} ({finding.code})") for finding in debatable]
        raise lengths.too_few_examples(training, held_out, problems)
    if serious:
        next_step = " ".join(dict.fromkeys(finding.next_step for finding in serious))
        message = f"The text has {len(serious)} serious problem(s)."
        raise InvalidTrainingFile(message, problems=problems, next_step=next_step)
