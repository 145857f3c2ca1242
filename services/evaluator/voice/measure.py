"""Measure how much of the author's voice came through: `measure_voice(VoiceInputs, seed, reporter) -> Voice`.

Seconds of CPU for 48 prompts; deterministic for a seed. docs/voice.md has the definition and its sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from scriptorium.contracts.report.voice import (
    Attribution,
    ChapterTransfer,
    CopiedRun,
    Gate,
    ImpostorTransfer,
    SampleVoice,
    Separation,
    Transfer,
    Voice,
    VoiceSettings,
)
from scriptorium.jobs.reporter import Reporter
from scriptorium.sampling import spread
from scriptorium.text.ngrams import NGRAM
from scriptorium.text.words import count_words
from services.evaluator.voice.align_lengths import AlignedText, AlignedTexts, align_lengths
from services.evaluator.voice.copies import SharedRun
from services.evaluator.voice.features.chunk import CHUNK, cut_chunks
from services.evaluator.voice.features.frequencies import FREQUENT_WORDS
from services.evaluator.voice.gates.caricature import check_caricature
from services.evaluator.voice.gates.coherence import check_coherence
from services.evaluator.voice.gates.degeneration import check_degeneration
from services.evaluator.voice.gates.length import check_length
from services.evaluator.voice.gates.measurable import check_measurable
from services.evaluator.voice.gates.memorisation import check_memorisation
from services.evaluator.voice.inputs import VoiceImpostor, VoiceInputs
from services.evaluator.voice.linear import TrainingClasses
from services.evaluator.voice.log_odds import mine_words
from services.evaluator.voice.markers import compare_markers
from services.evaluator.voice.score_passages import ScoredPassages, score_passages
from services.evaluator.voice.scorer import SCORES, MeasuredTexts, Scorer
from services.evaluator.voice.separation import attribute, measure_drift, separate_base, separate_tuned
from services.evaluator.voice.transfer import Scores, measure_other, measure_range, measure_transfer, place
from services.evaluator.voice.verdict import judge_voice

AUTHOR_CHUNKS = 160  # more of the author's text makes it slower and no better
SEEN_CHUNKS = 40
UNSEEN_CHUNKS = 24
AUTHOR, BASE = "the author", "the base"
ONE_THREAD = 1  # the matrices are small: on a busy machine more threads wait for each other

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LearnedVoice:
    """Everything that is learned before a passage of the tuned model is read; it serves for several models.

    `authors` are the features of the training chunks by author, `mined` words with their z.
    """

    classes: TrainingClasses
    scorer: Scorer
    authors: dict[str, Matrix]
    unseen_impostors: dict[str, MeasuredTexts]
    mined: dict[str, float]


def measure_voice(inputs: VoiceInputs, seed: int, reporter: Reporter) -> Voice:
    """Learn the author from the training text, then compare; raises Stopped."""
    reporter.message("[VALIDATE] Learning the author's voice from the training text")
    learned = learn_voice(inputs)
    reporter.check()
    reporter.message("[VALIDATE] Comparing what the models wrote with held-out text")
    return compare_voice(inputs, learned, seed, reporter)


def learn_voice(inputs: VoiceInputs) -> LearnedVoice:
    """Learn scores and markers; uses neither the held-out text nor the passages written from its briefs."""
    with threadpool_limits(ONE_THREAD):
        return _learn(inputs)


def _learn(inputs: VoiceInputs) -> LearnedVoice:
    classes = TrainingClasses(
        spread(cut_chunks(inputs.author_train), AUTHOR_CHUNKS),
        cut_chunks(inputs.base_calibration),
        [spread(cut_chunks(impostor.texts), SEEN_CHUNKS) for impostor in inputs.seen_impostors],
    )
    others = [text for texts in (classes.base, *classes.impostors) for text in texts]
    scorer = Scorer(classes, inputs.language)
    unseen = {
        impostor.name: scorer.measure(spread(cut_chunks(impostor.texts), UNSEEN_CHUNKS))
        for impostor in inputs.unseen_impostors
    }
    authors = _split_by_author(inputs, classes, scorer)
    return LearnedVoice(classes, scorer, authors, unseen, mine_words(classes.author, others, inputs.language))


def _split_by_author(inputs: VoiceInputs, classes: TrainingClasses, scorer: Scorer) -> dict[str, Matrix]:
    """Return the rows of each training class, by the name of its author."""
    names = [AUTHOR, BASE, *(impostor.name for impostor in inputs.seen_impostors)]
    ends = np.cumsum([len(texts) for texts in (classes.author, classes.base, *classes.impostors)])
    return dict(zip(names, np.split(scorer.training_features, ends[:-1]), strict=True))


def compare_voice(inputs: VoiceInputs, learned: LearnedVoice, seed: int, reporter: Reporter) -> Voice:
    """Compare the models' passages with held-out text, by what was learned; raises Stopped."""
    with threadpool_limits(ONE_THREAD):
        return _compare(inputs, learned, seed, reporter)


def _compare(inputs: VoiceInputs, learned: LearnedVoice, seed: int, reporter: Reporter) -> Voice:
    aligned = align_lengths(inputs)
    reporter.check()
    scored = score_passages(aligned, learned.scorer)
    scores = scored.scores
    reporter.check()
    transfer = measure_transfer(scores, seed)
    impostors = measure_impostors(inputs.unseen_impostors, learned, scores, seed)
    gates = check_gates(inputs, learned, aligned, scores, transfer)
    reporter.check()
    genuine, base, tuned = (_list_unmasked(texts) for texts in (aligned.genuine, aligned.base, aligned.tuned))
    return Voice(
        verdict=judge_voice(transfer, impostors, gates),
        transfer=transfer,
        impostors=impostors,
        author_range=_measure_range(inputs, scores),
        separation=_separate(scored, seed),
        attribution=_attribute(learned, scored),
        markers=compare_markers(learned.mined, genuine, base, tuned, seed=seed, language=inputs.language),
        gates=gates,
        samples=_list_samples(inputs, aligned, scores),
        measured=_describe_settings(inputs, learned, aligned, seed),
    )


def check_gates(
    inputs: VoiceInputs, learned: LearnedVoice, aligned: AlignedTexts, scores: Scores, transfer: Transfer
) -> list[Gate]:
    """Check every gate; genuine text for the windows is the training text and the held-out one."""
    genuine = [*learned.classes.author, *(text.trimmed for text in aligned.genuine)]
    return [
        check_measurable(scores),
        check_memorisation(aligned),
        check_degeneration(aligned, genuine, inputs.endings),
        check_coherence(inputs.losses),
        check_length(aligned, inputs.endings),
        check_caricature(transfer),
    ]


def _list_unmasked(texts: Sequence[AlignedText]) -> list[str]:
    """List the unmasked part of each text that is long enough; of all texts, if none is."""
    return [text.unmasked for text in texts if text.long_enough] or [text.unmasked for text in texts]


def measure_impostors(
    unseen: Sequence[VoiceImpostor], learned: LearnedVoice, scores: Scores, seed: int
) -> list[ImpostorTransfer]:
    """Measure the T of each unseen impostor."""
    return [
        ImpostorTransfer(
            name=impostor.name,
            alike=impostor.alike,
            chunks=len(learned.unseen_impostors[impostor.name].scores),
            transfer=measure_other(learned.unseen_impostors[impostor.name].scores, scores, seed),
        )
        for impostor in unseen
    ]


def _measure_range(inputs: VoiceInputs, scores: Scores) -> list[ChapterTransfer]:
    chapters = measure_range([passage.chapter for passage in inputs.held_out], scores)
    return [ChapterTransfer(chapter=name, passages=count, transfer=value) for name, (count, value) in chapters.items()]


def _separate(scored: ScoredPassages, seed: int) -> Separation:
    """Measure AUCs and drift, over the prompts of which every text is long enough."""
    complete = scored.genuine.long_enough & scored.base.long_enough & scored.tuned.long_enough
    writers = (scored.genuine, scored.base, scored.tuned)
    genuine, base, tuned = (passages.texts.features[complete] for passages in writers)
    too_few = len(tuned) < 2
    return Separation(
        author_base_auc=separate_base(scored.scores),
        tuned_genuine_auc=1.0 if too_few else separate_tuned(tuned, genuine, seed),
        drift=None if too_few else measure_drift(tuned, base, genuine),
    )


def _attribute(learned: LearnedVoice, scored: ScoredPassages) -> Attribution:
    """Attribute the passages in a closed set: the author, the base, every impostor, seen or not."""
    authors = learned.authors | {name: texts.features for name, texts in learned.unseen_impostors.items()}
    passage_features = [passages.features for passages in (scored.genuine, scored.base, scored.tuned)]
    genuine, base, tuned = attribute(authors, AUTHOR, passage_features)
    return Attribution(hands=len(authors), genuine=genuine, base=base, tuned=tuned)


def _list_samples(inputs: VoiceInputs, aligned: AlignedTexts, scores: Scores) -> list[SampleVoice]:
    placed = place(scores.tuned, scores.base.mean(axis=0), scores.genuine.mean(axis=0))
    return [
        SampleVoice(
            index=index,
            chapter=passage.chapter,
            words=text.words,
            compared=count_words(text.trimmed),
            counted_as_base=not text.long_enough,
            scores=dict(zip(SCORES, map(float, np.round(placed[index], 2)), strict=True)),
            copied=[_to_contract(run) for run in text.copied],
        )
        for index, (passage, text) in enumerate(zip(inputs.held_out, aligned.tuned, strict=True))
    ]


def _to_contract(run: SharedRun) -> CopiedRun:
    return CopiedRun(start=run.start, end=run.end, words=run.words, text=run.text)


def _describe_settings(inputs: VoiceInputs, learned: LearnedVoice, aligned: AlignedTexts, seed: int) -> VoiceSettings:
    return VoiceSettings(
        seed=seed,
        length_words=aligned.length,
        chunk_words=CHUNK,
        run_words=NGRAM,
        frequent_words=FREQUENT_WORDS,
        author_chunks=len(learned.classes.author),
        base_chunks=len(learned.classes.base),
        seen=[impostor.name for impostor in inputs.seen_impostors],
        unseen=[impostor.name for impostor in inputs.unseen_impostors],
        scores=list(SCORES),
    )
