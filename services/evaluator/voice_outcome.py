"""Pass the models' passages to the metric of voice (services/evaluator/voice).

Too little text to measure with is a result, not a failure.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from threadpoolctl import threadpool_limits

from scriptorium.contracts import VoiceScore
from scriptorium.contracts.report.document import Sample
from scriptorium.contracts.report.retention import RetentionOutcome, RetentionPart, RetentionVerdict
from scriptorium.contracts.report.rewriting import RewriteSample
from scriptorium.contracts.report.voice import Estimate, Gate, GateCode, RewrittenVoice, VoiceOutcome, VoiceVerdict
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import Reporter
from services.evaluator.impostors import Impostor
from services.evaluator.retention.verdict import ASK_ENOUGH, judge_adherence, worst
from services.evaluator.rewriting.samples import select_rewrites
from services.evaluator.voice.align_lengths import align_lengths
from services.evaluator.voice.features.language_support import describe_language
from services.evaluator.voice.inputs import Endings, HeldOutPassage, Losses, VoiceImpostor, VoiceInputs
from services.evaluator.voice.measure import ONE_THREAD, LearnedVoice, compare_voice, learn_voice
from services.evaluator.voice.score_passages import score_passages
from services.evaluator.voice.transfer import measure_transfer
from services.evaluator.voice.verdict import HOLD_OUT_MORE, judge_voice
from services.evaluator.voice_inputs import EvaluationTexts, select_samples

INSTRUCTIONS_NOT_ASKED = RetentionPart(
    code="instructions_unasked",
    verdict=RetentionVerdict.WARN,
    message="No instructions were asked, so it is unknown whether following them was lost.",
    next_step=ASK_ENOUGH,
)


def measure_voice_outcome(
    texts: EvaluationTexts,
    samples: Sequence[Sample],
    losses: Losses | None,
    *,
    alike: Collection[str],
    seed: int,
    reporter: Reporter,
    rewrites: Sequence[RewriteSample] = (),
) -> VoiceOutcome:
    """Measure the voice; `alike` names other authors of the same period and genre. Raises Stopped.

    `rewrites` are the drafts of held-out passages, and what both models made of them.
    """
    language = describe_language(texts.language)
    try:
        inputs = gather_inputs(texts, samples, losses, alike)
        reporter.message("[VALIDATE] Learning the author's voice from the training text")
        learned = learn_voice(inputs)
        reporter.check()
        reporter.message("[VALIDATE] Comparing what the models wrote with held-out text")
        voice = compare_voice(inputs, learned, seed, reporter)
        prompted = measure_prompted(inputs, learned, texts, seed)
        rewritten = measure_rewritten(inputs, learned, rewrites, seed)
        return VoiceOutcome(
            verdict=voice.verdict, measured=voice, prompted=prompted, rewritten=rewritten, language=language
        )
    except EvaluationFailed as error:
        return VoiceOutcome(verdict=explain_missing(error), language=language)


def gather_inputs(
    texts: EvaluationTexts, samples: Sequence[Sample], losses: Losses | None, alike: Collection[str]
) -> VoiceInputs:
    """Gather the metric's inputs; raises EvaluationFailed if there is too little of something."""
    impostors = [convert_impostor(impostor, alike) for impostor in texts.impostors]
    seen_names = {impostor.author for impostor in texts.impostors if impostor.is_seen}
    held_out = zip(texts.held_out, texts.briefs, strict=True)
    return VoiceInputs(
        author_train=texts.author_train,
        held_out=[HeldOutPassage(genuine.text, brief, genuine.chapter) for genuine, brief in held_out],
        base=texts.base,
        tuned=texts.tuned,
        base_calibration=texts.base_calibration,
        seen_impostors=[impostor for impostor in impostors if impostor.name in seen_names],
        unseen_impostors=[impostor for impostor in impostors if impostor.name not in seen_names],
        author_other=[*texts.author_dev, *texts.author_renamed],
        losses=losses,
        book_language=texts.language,
        endings=Endings(base=_ended(select_samples(samples, "base")), tuned=_ended(select_samples(samples, "tuned"))),
    )


def convert_impostor(impostor: Impostor, alike: Collection[str]) -> VoiceImpostor:
    """Return an impostor as the metric takes one; `alike` are names in any case."""
    alike_names = {name.casefold() for name in alike}
    return VoiceImpostor(impostor.author, impostor.works, alike=impostor.author.casefold() in alike_names)


def _ended(samples: Sequence[Sample]) -> list[bool]:
    return [sample.finish_reason == "stop" for sample in samples]


def measure_prompted(inputs: VoiceInputs, learned: LearnedVoice, texts: EvaluationTexts, seed: int) -> Estimate | None:
    """Measure the folded T of the base that was asked to imitate excerpts; None if it was not asked."""
    if not texts.prompted:
        return None
    with threadpool_limits(ONE_THREAD):
        scored = score_passages(align_lengths(replace(inputs, tuned=texts.prompted)), learned.scorer)
        return measure_transfer(scored.scores, seed).folded


def measure_rewritten(
    inputs: VoiceInputs, learned: LearnedVoice, rewrites: Sequence[RewriteSample], seed: int
) -> RewrittenVoice | None:
    """Measure the folded T of both models' rewritten passages; None if there are none, or too little to compare.

    0 is what the base wrote from the briefs of the same passages. A run that is copied from the draft does not count.
    """
    drafts, base, tuned = (select_rewrites(rewrites, role) for role in ("draft", "base", "tuned"))
    if not drafts:
        return None
    drafted = replace(
        inputs,
        held_out=[HeldOutPassage(draft.genuine, draft.text, draft.chapter) for draft in drafts],
        base=[inputs.base[draft.index] for draft in drafts],
        tuned=[inputs.tuned[draft.index] for draft in drafts],
        endings=None,
    )
    with threadpool_limits(ONE_THREAD):
        try:
            by_base, by_tuned = (
                measure_transfer(score_passages(align_lengths(texts), learned.scorer).scores, seed).folded
                for texts in (replace(drafted, tuned=[sample.text for sample in role]) for role in (base, tuned))
            )
        except EvaluationFailed:  # none of these few passages of the base or the author is long enough
            return None
    return RewrittenVoice(passages=len(drafts), base=by_base, tuned=by_tuned)


def explain_missing(error: EvaluationFailed) -> VoiceVerdict:
    """Return a verdict that names what the metric lacked."""
    reasons = [error.message, *(f"{problem.place.capitalize()} {problem.message}." for problem in error.problems)]
    return VoiceVerdict(name="not_measurable", reasons=reasons, gates=[], next_steps=[error.next_step or HOLD_OUT_MORE])


def add_retention_gates(outcome: VoiceOutcome, retention: RetentionOutcome) -> VoiceOutcome:
    """Judge again, with two more gates for the cost of the training."""
    measured = outcome.measured
    if measured is None:
        return outcome
    gates = [*measured.gates, *check_retention(retention)]
    verdict = judge_voice(measured.transfer, measured.impostors, gates)
    judged = measured.model_copy(update={"verdict": verdict, "gates": gates})
    return outcome.model_copy(update={"verdict": verdict, "measured": judged})


def check_retention(outcome: RetentionOutcome) -> list[Gate]:
    """Check adherence to the briefs, and retention of everything else that the base could do."""
    part = worst(outcome.retention.parts) if outcome.retention else INSTRUCTIONS_NOT_ASKED
    return [make_gate("adherence", judge_adherence(outcome.adherence)), make_gate("retention", part)]


def make_gate(code: GateCode, part: RetentionPart) -> Gate:
    """Make a gate of a part; a warning shows nothing either way, so it counts as not measured and cannot pass."""
    return Gate(
        code=code,
        outcome=part.verdict.value,
        measured=part.verdict is not RetentionVerdict.WARN,
        finding=part.message,
        next_step=part.next_step or "",
    )


def summarise_voice(outcome: VoiceOutcome) -> VoiceScore:
    """Return the few numbers that go with the job; None for those that were not measured."""
    voice = outcome.measured
    if voice is None:
        return VoiceScore(verdict=outcome.verdict.name, gates=list(outcome.verdict.gates))
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
        gates=list(outcome.verdict.gates),
    )
