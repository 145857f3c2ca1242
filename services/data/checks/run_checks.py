"""The one entry: every gate on every passage, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.contracts import Finding, Severity
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.jobs.reporter import Reporter
from scriptorium.recipe import Chunking
from services.data.checks import (
    boilerplate,
    characters,
    form,
    language,
    leftover_markup,
    lengths,
    machine_written,
    ocr,
    pii,
    repetition,
)
from services.data.checks.tokenized_passage import Reading
from services.data.passage import Passage
from services.data.splits.near_duplicates import Pair

EACH = (
    characters.find_characters,
    leftover_markup.find_markup,
    boilerplate.find_boilerplate,
    pii.find_private,
    ocr.find_scan,
    form.find_shape,
    repetition.find_repetition,
    machine_written.find_phrases,
)
EVERY = 50  # passages between two looks at whether to stop


def examine(
    passages: Sequence[Passage],
    pairs: Sequence[Pair],
    chunking: Chunking,
    *,
    curated: bool,
    place: str,
    reporter: Reporter,
) -> list[Finding]:
    """Every finding about passages in reading order, of which `pairs` are near-duplicates; `refuse` tells what fails.

    `place` names the manuscript, for what is found about all of it.
    """
    findings = list(lengths.find_misfits(passages, chunking, curated))
    usual = language.read_usual(passages)
    vocabulary, paragraphs = ocr.Vocabulary(), repetition.Paragraphs(passages, pairs)
    for index, passage in enumerate(passages):
        if index % EVERY == 0:
            reporter.check()
        reading = Reading(passage)  # not kept: its words take ten times the room of its text
        findings += [found for find in EACH for found in find(reading)]
        findings += language.find_language(reading, usual)
        findings += paragraphs.find_repeated(reading)
        vocabulary.add(reading)
    findings += vocabulary.find_strange()
    findings += repetition.find_vocabulary(len(vocabulary), vocabulary.words.total(), place)
    findings += repetition.find_near_duplicates(passages, pairs)
    findings += machine_written.find_openings(passages)
    findings += machine_written.find_lengths(passages, place) if curated else []  # else the lengths are ours
    return findings


def refuse(findings: Sequence[Finding], training: int) -> None:
    """Raise InvalidTrainingFile with every serious finding, or TooFewExamples with these and the debatable ones."""
    serious = [finding for finding in findings if finding.severity is Severity.SERIOUS]
    problems = [Problem(finding.place, f"{finding.message} ({finding.code})") for finding in serious]
    if training < lengths.FEWEST_EXAMPLES:
        debatable = [finding for finding in findings if finding.severity is Severity.DEBATABLE]
        problems += [Problem(finding.place, f"{finding.message} ({finding.code})") for finding in debatable]
        raise lengths.too_few(training, problems)
    if serious:
        step = " ".join(dict.fromkeys(finding.next_step for finding in serious))
        raise InvalidTrainingFile(f"The text has {len(serious)} serious problem(s).", problems=problems, next_step=step)
