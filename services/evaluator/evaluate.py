"""Compare base and tuned: what they write from the same held-out briefs, and how well they predict held-out text.

Reads the dataset folder and training's metrics, sends requests to two vLLM engines, and writes report.json, report.html
and samples.jsonl.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import httpx

from scriptorium.contracts import EvaluateRequest, EvaluateResult, Level
from scriptorium.contracts.report.document import REPORT, REPORT_PAGE, Report
from scriptorium.contracts.report.second_judge import SecondJudge
from scriptorium.contracts.report.voice import VoiceOutcome
from scriptorium.jobs.reporter import Reporter
from services.evaluator.generation.concurrency import run_watched
from services.evaluator.generation.vllm_client import RETRY_DELAYS, Locate, open_clients
from services.evaluator.impostors import MIN_UNSEEN_IMPOSTORS, Impostor, count_unseen, read_impostors
from services.evaluator.measure_models import Measurements, measure_models, read_held_out
from services.evaluator.report.build_report import Judgements, build_report
from services.evaluator.report.headline import describe_second_judge, describe_voice
from services.evaluator.report.page import render_page
from services.evaluator.report.summary import summarise_loss_drop
from services.evaluator.rewriting.content_kept import measure_rewriting
from services.evaluator.rewriting.describe import describe_rewriting
from services.evaluator.scenes_outcome import measure_scenes
from services.evaluator.second_judge.judge import judge_again
from services.evaluator.second_judge.read import Readings
from services.evaluator.voice_inputs import pair_samples, read_texts, select_samples
from services.evaluator.voice_outcome import measure_voice_outcome


def evaluate_voice(
    request: EvaluateRequest,
    folder: Path,
    reporter: Reporter,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    retry_delays: Sequence[float] = RETRY_DELAYS,
    locate: Locate | None = None,
) -> EvaluateResult:
    """Measure, judge and write the report into `folder`.

    `locate` finds an endpoint's engine for each request. `transport` and `retry_delays` (seconds before each retry) are
    for tests. Raises EvaluationFailed if nothing was held out or a model does not answer, BaseModelUnusable, and
    Stopped.
    """
    rows = read_held_out(request.dataset)
    impostors = read_impostors(request.dataset, request.seed)
    _log_impostors(impostors, request.alike, reporter)
    clients = open_clients(request.base, request.tuned, transport, retry_delays, request.streams, locate=locate)
    measured = run_watched(measure_models(request, rows, clients, folder, reporter), reporter)
    report = build_report(request, measured, impostors, judge(request, measured, reporter))
    (folder / REPORT).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    pairs, scenes = pair_samples(measured.samples), select_samples(measured.samples, "tuned", "scene")
    page = render_page(report, pairs, scenes=scenes, rewrites=measured.rewrites)
    (folder / REPORT_PAGE).write_text(page, encoding="utf-8")
    _log_report(report, reporter)
    return report.result


def judge(request: EvaluateRequest, measured: Measurements, reporter: Reporter) -> Judgements:
    """Judge what the models wrote."""
    texts = read_texts(request.dataset, measured.samples, request.seed)
    voice = measure_voice_outcome(
        texts,
        measured.samples,
        measured.losses,
        alike=request.alike,
        seed=request.seed,
        reporter=reporter,
        rewrites=measured.rewrites,
    )
    return Judgements(
        voice=voice,
        scenes=measure_scenes(texts, measured.samples, measured.protocol.scenes),
        second_judge=_judge_again(measured.readings, voice, request.seed),
        rewriting=measure_rewriting(measured.rewrites, measured.book) if measured.book else None,
    )


def _judge_again(readings: Readings | None, outcome: VoiceOutcome, seed: int) -> SecondJudge | None:
    """Let the second judge compare itself with T; returns None if either has too little text."""
    if readings is None or outcome.measured is None:
        return None
    return judge_again(readings, outcome.measured.transfer.raw, seed)


def _log_impostors(impostors: Sequence[Impostor], alike: Sequence[str], reporter: Reporter) -> None:
    """Log the number of other authors; warn if they are few, and of names in `alike` that are none of them."""
    known = {impostor.author.casefold() for impostor in impostors}
    if unknown := [name for name in alike if name.casefold() not in known]:
        authors = ", ".join(impostor.author for impostor in impostors) or "none"
        text = f"[VALIDATE] evaluation.alike names {', '.join(unknown)}, but the other authors are: {authors}"
        reporter.message(text, level=Level.WARN)
    unseen = count_unseen(impostors)
    text = f"[VALIDATE] {len(impostors)} impostors, {unseen} of them unseen"
    if unseen >= MIN_UNSEEN_IMPOSTORS:
        reporter.message(text)
        return
    consequence = f"fewer than {MIN_UNSEEN_IMPOSTORS}, so the voice can be called promising at most"
    reporter.message(f"{text}: {consequence} (see `scriptorium impostors install`)", level=Level.WARN, unseen=unseen)


def _log_report(report: Report, reporter: Reporter) -> None:
    """Log what came out, a line for each part."""
    result = report.result
    reporter.message(f"[VALIDATE] {summarise_loss_drop(result)}", drop_percent=result.author.drop_percent)
    if result.voice:
        reporter.message(f"[VALIDATE] {describe_voice(result.voice)}")
    if report.second_judge:
        text = f"[VALIDATE] {describe_second_judge(report.second_judge)}"
        transfer = report.second_judge.transfer.value
        reporter.message(text, transfer=transfer, agreement=report.second_judge.agreement)
    if report.scenes:
        level = Level.WARN if report.scenes.outcome == "warn" else Level.INFO
        reporter.message(f"[VALIDATE] New scenes: {report.scenes.finding}", level=level, leak_rate=result.leak_rate)
    if report.rewriting:
        text = describe_rewriting(report.rewriting, report.voice.rewritten)
        reporter.message(f"[VALIDATE] {text}", **report.rewriting.model_dump())
    reporter.message("[VALIDATE] Report written")
