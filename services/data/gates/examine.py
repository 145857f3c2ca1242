"""The one entry: every gate on every passage, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.contracts import Finding, Severity
from scriptorium.errors import InvalidTrainingFile, Problem
from scriptorium.recipe import Chunking
from scriptorium.report import Report
from services.data.duplicates import Pair
from services.data.gates import (
    boilerplate,
    characters,
    language,
    lengths,
    machine,
    markup,
    privacy,
    repetition,
    scanning,
    shape,
)
from services.data.gates.reading import Reading
from services.data.passage import Passage

EACH = (
    characters.find_characters,
    markup.find_markup,
    boilerplate.find_boilerplate,
    privacy.find_private,
    scanning.find_scan,
    shape.find_shape,
    repetition.find_repetition,
    machine.find_phrases,
)
EVERY = 50  # passages between two looks at whether to stop


def examine(
    passages: Sequence[Passage],
    pairs: Sequence[Pair],
    chunking: Chunking,
    *,
    curated: bool,
    place: str,
    report: Report,
) -> list[Finding]:
    """Every finding about passages in reading order, of which `pairs` are near-duplicates; `refuse` tells what fails.

    `place` names the manuscript, for what is found about all of it.
    """
    findings = list(lengths.find_misfits(passages, chunking, curated))
    usual = language.read_usual(passages)
    vocabulary, paragraphs = scanning.Vocabulary(), repetition.Paragraphs(passages, pairs)
    for index, passage in enumerate(passages):
        if index % EVERY == 0:
            report.check()
        reading = Reading(passage)  # not kept: its words take ten times the room of its text
        findings += [found for find in EACH for found in find(reading)]
        findings += language.find_language(reading, usual)
        findings += paragraphs.find_repeated(reading)
        vocabulary.add(reading)
    findings += vocabulary.find_strange()
    findings += repetition.find_vocabulary(len(vocabulary), vocabulary.words.total(), place)
    findings += repetition.find_near_duplicates(passages, pairs)
    findings += machine.find_openings(passages)
    findings += machine.find_lengths(passages, place) if curated else []  # else the lengths are ours
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
