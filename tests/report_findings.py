"""A report's findings and a pair of passages, made up."""

from __future__ import annotations

from scriptorium.contracts import EvaluateResult, LossDrop
from services.evaluator.generation.samples import Decoding, Sample
from services.evaluator.generation.vllm_client import Card
from services.evaluator.report.findings import Findings, Passages, Settings
from services.evaluator.report.summary import judge
from services.evaluator.report.training_losses import Losses, Point
from services.evaluator.retention_outcome import judge_kept
from services.evaluator.voice.verdict import VoiceVerdict
from services.evaluator.voice_inputs import Pair
from services.evaluator.voice_outcome import VoiceOutcome

HOSTILE = '</p><script>alert(1)</script> & "quoted" {{ 7 * 7 }}'
DROP = LossDrop(passages=24, base=3.62, tuned=3.31, drop_percent=8.6, low_percent=7.9, high_percent=9.2)
CURVE = Losses(train=[Point(step=n, loss=4 - n / 20) for n in range(1, 20)], dev=[Point(step=10, loss=3.6)])


def findings(
    others: LossDrop | None = None, training: Losses = CURVE, title: str = "Emma", voice: VoiceOutcome | None = None
) -> Findings:
    result = EvaluateResult(author=DROP, others=others, samples=1)
    decoding = Decoding(max_tokens=320)
    return Findings(
        title=title,
        scriptorium="0.1.0",
        created_at=1_750_000_000,
        parameters=134_515_008,
        base=Card(model="base", max_model_len=2048, version=None),
        tuned=Card(model="ft:base", max_model_len=None, version="0.11"),
        verdict=judge(result, 134_515_008),
        result=result,
        voice=voice
        or VoiceOutcome(verdict=VoiceVerdict(name="not_measurable", reasons=[HOSTILE], gates=[], next_steps=[])),
        kept=judge_kept(None, [pair()], 42),
        settings=Settings(
            decoding=decoding,
            seeds="none",
            prompts=1,
            streams=24,
            longest_tokens=1024,
            cut=2,
            bootstrap_draws=2000,
            seed=42,
        ),
        passages=Passages(author=[], others=[]),
        training=training,
        samples="samples.jsonl",
    )


def pair(text: str = "She was happy.", genuine: str = "It was a truth.") -> Pair:
    base = Sample(
        role="base",
        split="test",
        index=0,
        chapter=text,
        author="A",
        brief=text,
        messages=[{"role": "user", "content": text}],
        text=text,
        finish_reason="length",
        tokens=6,
        decoding=Decoding(max_tokens=320),
        seed=None,
        model="base",
        engine=None,
        genuine=genuine,
    )
    return Pair(base, base.model_copy(update={"role": "tuned", "finish_reason": "stop"}))
