"""Measure how much of the author's voice came through: `measure_voice(Material, seed, report) -> Voice`.

Seconds of CPU for 48 prompts; deterministic for a seed. docs/voice.md has the definition and its sources.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from scriptorium.jobs.reporter import Reporter
from scriptorium.sampling import spread
from services.evaluator.voice.align_lengths import Prepared, Text, prepare_texts
from services.evaluator.voice.copies import Span
from services.evaluator.voice.features.chunk import cut_chunks
from services.evaluator.voice.features.words import count_words
from services.evaluator.voice.gates.caricature import check_caricature
from services.evaluator.voice.gates.coherence import check_coherence
from services.evaluator.voice.gates.degeneration import check_degeneration
from services.evaluator.voice.gates.gate import Gate
from services.evaluator.voice.gates.length import check_length
from services.evaluator.voice.gates.measurable import check_measurable
from services.evaluator.voice.gates.memorisation import check_memorisation
from services.evaluator.voice.inputs import Impostor, Material
from services.evaluator.voice.linear import Classes
from services.evaluator.voice.log_odds import mine_words
from services.evaluator.voice.markers import compare_markers
from services.evaluator.voice.result import (
    Attribution,
    ChapterTransfer,
    Copied,
    HowMeasured,
    SampleVoice,
    Separation,
    Voice,
)
from services.evaluator.voice.score_passages import Scored, score_prepared
from services.evaluator.voice.scorer import SCORES, Read, Scorer
from services.evaluator.voice.separation import attribute, measure_drift, separate_base, separate_tuned
from services.evaluator.voice.transfer import Scores, Transfer, measure_other, measure_range, measure_transfer, place
from services.evaluator.voice.verdict import ImpostorTransfer, judge_voice

AUTHOR_CHUNKS = 160  # more of the author's text makes it slower and no better
SEEN_CHUNKS = 40
UNSEEN_CHUNKS = 24
AUTHOR, BASE = "the author", "the base"
ONE_THREAD = 1  # the matrices are small: on a busy machine more threads wait for each other

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Learned:
    """What is learned before a single passage of the tuned model is read; several models can be measured with it.

    `hands` are the features of the training chunks of each, `mined` words with their z.
    """

    classes: Classes
    scorer: Scorer
    hands: dict[str, Matrix]
    unseen: dict[str, Read]
    mined: dict[str, float]


def measure_voice(material: Material, seed: int, reporter: Reporter) -> Voice:
    """Learn the author from the training text, then compare; raises Stopped."""
    reporter.message("[VALIDATE] Learning the author's voice from the training text")
    learned = learn_voice(material)
    reporter.check()
    reporter.message("[VALIDATE] Comparing what the models wrote with held-out text")
    return compare_voice(material, learned, seed, reporter)


def learn_voice(material: Material) -> Learned:
    """Learn scores and markers; uses neither the held-out text nor what was written from its briefs."""
    with threadpool_limits(ONE_THREAD):
        return _learn(material)


def _learn(material: Material) -> Learned:
    classes = Classes(
        spread(cut_chunks(material.author_train), AUTHOR_CHUNKS),
        cut_chunks(material.base_calibration),
        [spread(cut_chunks(impostor.texts), SEEN_CHUNKS) for impostor in material.seen],
    )
    others = [text for texts in (classes.base, *classes.seen) for text in texts]
    scorer = Scorer(classes)
    unseen = {
        impostor.name: scorer.read(spread(cut_chunks(impostor.texts), UNSEEN_CHUNKS)) for impostor in material.unseen
    }
    return Learned(classes, scorer, _split_hands(material, classes, scorer), unseen, mine_words(classes.author, others))


def _split_hands(material: Material, classes: Classes, scorer: Scorer) -> dict[str, Matrix]:
    """The rows of each training class."""
    names = [AUTHOR, BASE, *(impostor.name for impostor in material.seen)]
    ends = np.cumsum([len(texts) for texts in (classes.author, classes.base, *classes.seen)])
    return dict(zip(names, np.split(scorer.trained, ends[:-1]), strict=True))


def compare_voice(material: Material, learned: Learned, seed: int, reporter: Reporter) -> Voice:
    """Measure what the models wrote with what was learned."""
    with threadpool_limits(ONE_THREAD):
        return _compare(material, learned, seed, reporter)


def _compare(material: Material, learned: Learned, seed: int, reporter: Reporter) -> Voice:
    prepared = prepare_texts(material)
    reporter.check()
    scored = score_prepared(prepared, learned.scorer)
    scores = scored.scores
    reporter.check()
    transfer = measure_transfer(scores, seed)
    impostors = measure_impostors(material.unseen, learned, scores, seed)
    gates = check_all(material, learned, prepared, scores, transfer)
    reporter.check()
    genuine, base, tuned = (_own(texts) for texts in (prepared.genuine, prepared.base, prepared.tuned))
    return Voice(
        verdict=judge_voice(transfer, impostors, gates),
        transfer=transfer,
        impostors=impostors,
        author_range=_measure_range(material, scores),
        separation=_separate(scored, seed),
        attribution=_attribute(learned, scored),
        markers=compare_markers(learned.mined, genuine, base, tuned, seed),
        gates=gates,
        samples=_list_samples(material, prepared, scores),
        measured=_describe(material, learned, prepared, seed),
    )


def check_all(
    material: Material, learned: Learned, prepared: Prepared, scores: Scores, transfer: Transfer
) -> list[Gate]:
    """Every gate; genuine text for the windows is the training text and the held-out one."""
    genuine = [*learned.classes.author, *(text.told for text in prepared.genuine)]
    return [
        check_measurable(scores),
        check_memorisation(prepared),
        check_degeneration(prepared, genuine, material.endings),
        check_coherence(material.losses),
        check_length(prepared),
        check_caricature(transfer),
    ]


def _own(texts: Sequence[Text]) -> list[str]:
    """What is the writer's own of each text that is long enough; of all, where none is."""
    return [text.own for text in texts if text.long_enough] or [text.own for text in texts]


def measure_impostors(
    unseen: Sequence[Impostor], learned: Learned, scores: Scores, seed: int
) -> list[ImpostorTransfer]:
    """The T of each unseen impostor."""
    return [
        ImpostorTransfer(
            name=impostor.name,
            alike=impostor.alike,
            chunks=len(learned.unseen[impostor.name].scores),
            transfer=measure_other(learned.unseen[impostor.name].scores, scores, seed),
        )
        for impostor in unseen
    ]


def _measure_range(material: Material, scores: Scores) -> list[ChapterTransfer]:
    found = measure_range([passage.chapter for passage in material.held_out], scores)
    return [ChapterTransfer(chapter=name, passages=count, transfer=value) for name, (count, value) in found.items()]


def _separate(scored: Scored, seed: int) -> Separation:
    """AUCs and drift, over the prompts of which every text is long enough."""
    whole = scored.genuine.enough & scored.base.enough & scored.tuned.enough
    genuine, base, tuned = (hand.read.features[whole] for hand in (scored.genuine, scored.base, scored.tuned))
    few = len(tuned) < 2
    return Separation(
        author_base_auc=separate_base(scored.scores),
        tuned_genuine_auc=1.0 if few else separate_tuned(tuned, genuine, seed),
        drift=None if few else measure_drift(tuned, base, genuine),
    )


def _attribute(learned: Learned, scored: Scored) -> Attribution:
    """Closed set: the author, the base, every impostor, seen or not."""
    hands = learned.hands | {name: read.features for name, read in learned.unseen.items()}
    asked = [hand.features for hand in (scored.genuine, scored.base, scored.tuned)]
    genuine, base, tuned = attribute(hands, AUTHOR, asked)
    return Attribution(hands=len(hands), genuine=genuine, base=base, tuned=tuned)


def _list_samples(material: Material, prepared: Prepared, scores: Scores) -> list[SampleVoice]:
    placed = place(scores.tuned, scores.base.mean(axis=0), scores.genuine.mean(axis=0))
    return [
        SampleVoice(
            index=index,
            chapter=passage.chapter,
            words=text.words,
            compared=count_words(text.told),
            counted_as_base=not text.long_enough,
            scores=dict(zip(SCORES, map(float, np.round(placed[index], 2)), strict=True)),
            copied=[_show(span) for span in text.copied],
        )
        for index, (passage, text) in enumerate(zip(material.held_out, prepared.tuned, strict=True))
    ]


def _show(span: Span) -> Copied:
    return Copied(start=span.start, end=span.end, words=span.words, text=span.text)


def _describe(material: Material, learned: Learned, prepared: Prepared, seed: int) -> HowMeasured:
    return HowMeasured(
        seed=seed,
        length_words=prepared.length,
        author_chunks=len(learned.classes.author),
        base_chunks=len(learned.classes.base),
        seen=[impostor.name for impostor in material.seen],
        unseen=[impostor.name for impostor in material.unseen],
    )
