"""Hand what the models wrote to the metric of voice (services/evaluator/voice).

Too little text to measure with is a result, and not a failure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from pydantic import BaseModel
from threadpoolctl import threadpool_limits

from scriptorium.contracts import VoiceScore
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import Reporter
from services.evaluator.generation.samples import Sample
from services.evaluator.impostors import Impostor
from services.evaluator.retention.result import Part
from services.evaluator.retention.result import Verdict as Lost
from services.evaluator.retention.verdict import ASK, judge_adherence, worst
from services.evaluator.retention_outcome import Kept
from services.evaluator.voice import inputs as voice_material
from services.evaluator.voice.align_lengths import prepare_texts
from services.evaluator.voice.gates.gate import Gate, GateCode
from services.evaluator.voice.inputs import Endings, Losses, Material, Passage
from services.evaluator.voice.measure import ONE_THREAD, Learned, compare_voice, learn_voice
from services.evaluator.voice.result import Voice
from services.evaluator.voice.score_passages import score_prepared
from services.evaluator.voice.transfer import Estimate, measure_transfer
from services.evaluator.voice.verdict import HOLD_OUT, VoiceVerdict, judge_voice
from services.evaluator.voice_inputs import Texts, of_role

UNASKED = Part(
    code="instructions_unasked",
    verdict=Lost.WARN,
    message="No instructions were asked, so it cannot be told whether following them was lost.",
    next_step=ASK,
)


class VoiceOutcome(BaseModel):
    """The verdict on the voice, and what it rests on; `measured` is None where there was too little text.

    `prompted` is the folded T of the base model that was shown excerpts and asked to imitate them.
    """

    verdict: VoiceVerdict
    measured: Voice | None = None
    prompted: Estimate | None = None


def find_outcome(
    texts: Texts,
    samples: Sequence[Sample],
    losses: Losses | None,
    *,
    alike: Collection[str],
    seed: int,
    reporter: Reporter,
) -> VoiceOutcome:
    """Measure the voice; `alike` names other authors of the same period and genre. Raises Stopped."""
    try:
        material = gather(texts, samples, losses, alike)
        reporter.message("[VALIDATE] Learning the author's voice from the training text")
        learned = learn_voice(material)
        reporter.check()
        reporter.message("[VALIDATE] Comparing what the models wrote with held-out text")
        voice = compare_voice(material, learned, seed, reporter)
        return VoiceOutcome(
            verdict=voice.verdict, measured=voice, prompted=place_prompted(material, learned, texts, seed)
        )
    except EvaluationFailed as error:
        return VoiceOutcome(verdict=excuse(error))


def gather(texts: Texts, samples: Sequence[Sample], losses: Losses | None, alike: Collection[str]) -> Material:
    """The metric's material; raises EvaluationFailed where there is too little of something."""
    others = [convert(impostor, alike) for impostor in texts.impostors]
    seen = {impostor.author for impostor in texts.impostors if impostor.seen}
    held_out = zip(texts.held_out, texts.briefs, strict=True)
    return Material(
        author_train=texts.author_train,
        held_out=[Passage(genuine.text, brief, genuine.chapter) for genuine, brief in held_out],
        base=texts.base,
        tuned=texts.tuned,
        base_calibration=texts.base_calibration,
        seen=[other for other in others if other.name in seen],
        unseen=[other for other in others if other.name not in seen],
        author_other=texts.author_dev,
        losses=losses,
        endings=Endings(base=_ended(of_role(samples, "base")), tuned=_ended(of_role(samples, "tuned"))),
    )


def convert(impostor: Impostor, alike: Collection[str]) -> voice_material.Impostor:
    """An impostor as the metric takes one."""
    known = {name.casefold() for name in alike}
    return voice_material.Impostor(impostor.author, impostor.works, alike=impostor.author.casefold() in known)


def _ended(samples: Sequence[Sample]) -> list[bool]:
    return [sample.finish_reason == "stop" for sample in samples]


def place_prompted(material: Material, learned: Learned, texts: Texts, seed: int) -> Estimate | None:
    """Where the base lies that was asked to imitate excerpts; None where it was not."""
    if not texts.prompted:
        return None
    with threadpool_limits(ONE_THREAD):
        scored = score_prepared(prepare_texts(replace(material, tuned=texts.prompted)), learned.scorer)
        return measure_transfer(scored.scores, seed).folded


def excuse(error: EvaluationFailed) -> VoiceVerdict:
    """What the metric lacked, as a verdict."""
    reasons = [error.message, *(f"{problem.place.capitalize()} {problem.message}." for problem in error.problems)]
    return VoiceVerdict(name="not_measurable", reasons=reasons, gates=[], next_steps=[error.next_step or HOLD_OUT])


def weigh(outcome: VoiceOutcome, kept: Kept) -> VoiceOutcome:
    """The verdict again, with what training has cost as two more gates."""
    measured = outcome.measured
    if measured is None:
        return outcome
    gates = [*measured.gates, *check_kept(kept)]
    verdict = judge_voice(measured.transfer, measured.impostors, gates)
    told = measured.model_copy(update={"verdict": verdict, "gates": gates})
    return outcome.model_copy(update={"verdict": verdict, "measured": told})


def check_kept(kept: Kept) -> list[Gate]:
    """Adherence to the briefs, and retention of everything else that the base could do."""
    retention = worst(kept.retention.parts) if kept.retention else UNASKED
    return [make_gate("adherence", judge_adherence(kept.adherence)), make_gate("retention", retention)]


def make_gate(code: GateCode, part: Part) -> Gate:
    """A part as a gate; what was not shown either way counts as not measured, so it cannot pass."""
    return Gate(
        code=code,
        outcome=part.verdict.value,
        measured=part.verdict is not Lost.WARN,
        finding=part.message,
        next_step=part.next_step or "",
    )


def score(outcome: VoiceOutcome) -> VoiceScore:
    """The few numbers that go with the job; None where they were not measured."""
    voice = outcome.measured
    if voice is None:
        return VoiceScore(verdict=outcome.verdict.name)
    best = max(voice.impostors, key=lambda impostor: impostor.transfer.value, default=None)
    raw, folded = voice.transfer.raw, voice.transfer.folded
    return VoiceScore(
        verdict=outcome.verdict.name,
        transfer=raw.value,
        folded=folded.value,
        low=folded.low,
        high=folded.high,
        lower_bound=folded.lower_bound,
        auc=voice.separation.tuned_genuine_auc,
        prompted=outcome.prompted.value if outcome.prompted else None,
        impostor=best.transfer.value if best else None,
        closest=best.name if best else None,
    )
