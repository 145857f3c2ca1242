"""Examples of what a report folder holds: a report, a measured voice, samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scriptorium.contracts import EvaluateResult, LossDrop
from scriptorium.contracts.report.document import (
    Decoding,
    EvaluationSettings,
    LossPoint,
    ModelInfo,
    PassageLosses,
    Report,
    Sample,
    TrainingLosses,
)
from scriptorium.contracts.report.voice import (
    Attribution,
    Estimate,
    Markers,
    SampleVoice,
    Separation,
    Transfer,
    Voice,
    VoiceOutcome,
    VoiceSettings,
    VoiceVerdict,
)
from services.evaluator.report.summary import write_verdict
from services.evaluator.retention_outcome import judge_retention
from services.evaluator.voice_inputs import Pair

HOSTILE = '</p><script>alert(1)</script> & "quoted" {{ 7 * 7 }}'
DROP = LossDrop(passages=24, base=3.62, tuned=3.31, drop_percent=8.6, low_percent=7.9, high_percent=9.2)
CURVE = TrainingLosses(
    train=[LossPoint(step=step, loss=4 - step / 20) for step in range(1, 20)], dev=[LossPoint(step=10, loss=3.6)]
)


def make_report(
    others: LossDrop | None = None,
    training: TrainingLosses = CURVE,
    title: str = "Emma",
    voice: VoiceOutcome | None = None,
) -> Report:
    """Make a report of one brief."""
    result = EvaluateResult(author=DROP, others=others, samples=1)
    decoding = Decoding(max_tokens=320)
    return Report(
        title=title,
        scriptorium="0.1.0",
        created_at=1_750_000_000,
        parameters=134_515_008,
        base=ModelInfo(model="base", max_model_len=2048, version=None),
        tuned=ModelInfo(model="ft:base", max_model_len=None, version="0.11"),
        verdict=write_verdict(result, 134_515_008),
        result=result,
        voice=voice
        or VoiceOutcome(verdict=VoiceVerdict(name="not_measurable", reasons=[HOSTILE], gates=[], next_steps=[])),
        kept=judge_retention(None, [make_pair()], 42),
        settings=EvaluationSettings(
            decoding=decoding,
            seeds="none",
            prompts=1,
            streams=24,
            longest_tokens=1024,
            cut=2,
            bootstrap_draws=2000,
            seed=42,
        ),
        passages=PassageLosses(author=[], others=[]),
        training=training,
        samples="samples.jsonl",
    )


def make_voice(scores: Sequence[float]) -> Voice:
    """Make a measured voice whose passages have these scores."""
    point = Estimate(value=50.0, low=40.0, high=60.0, lower_bound=42.0)
    return Voice(
        verdict=VoiceVerdict(name="promising", reasons=[], gates=[], next_steps=[]),
        transfer=Transfer(prompts=len(scores), draws=2000, raw=point, folded=point, scores=[]),
        impostors=[],
        author_range=[],
        separation=Separation(author_base_auc=0.9, tuned_genuine_auc=0.7, drift=None),
        attribution=Attribution(hands=2, genuine=0.9, base=0.1, tuned=0.5),
        markers=Markers(markers=[], present=0.0, base_present=0.0, overshoot=[]),
        gates=[],
        samples=[
            SampleVoice(
                index=index,
                chapter="1",
                words=300,
                compared=300,
                counted_as_base=False,
                scores={"words": score, "grammar": score},
                copied=[],
            )
            for index, score in enumerate(scores)
        ],
        measured=VoiceSettings(
            seed=42,
            length_words=300,
            chunk_words=500,
            run_words=8,
            frequent_words=300,
            author_chunks=9,
            base_chunks=9,
            seen=[],
            unseen=[],
            scores=["words", "grammar"],
        ),
    )


def make_sample(**changes: Any) -> Sample:
    """Make a line of samples.jsonl: a passage of the base from a test brief."""
    sample = Sample(
        role="base",
        split="test",
        index=0,
        chapter="1",
        author="A",
        brief="Write about rain.",
        messages=[{"role": "user", "content": "Write about rain."}],
        text="It rained.",
        finish_reason="length",
        tokens=6,
        decoding=Decoding(max_tokens=320),
        seed=None,
        model="base",
        engine=None,
        genuine="Rain fell.",
    )
    return sample.model_copy(update=changes)


def make_pair(text: str = "She was happy.", genuine: str = "It was a truth.") -> Pair:
    """Make what base and tuned wrote from one brief; both wrote `text`, which is also the brief."""
    messages = [{"role": "user", "content": text}]
    base = make_sample(chapter=text, brief=text, messages=messages, text=text, genuine=genuine)
    return Pair(base, base.model_copy(update={"role": "tuned", "finish_reason": "stop"}))
