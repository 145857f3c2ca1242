"""Compare base and tuned: what they write from the same held-out briefs, and how well they predict held-out text.

Reads the dataset folder and training's metrics, sends requests to two vLLM engines, and writes report.json, report.html
and samples.jsonl.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx
from safetensors import safe_open

from scriptorium import __version__
from scriptorium.artifacts.dataset import REFERENCE, Row, read_rows
from scriptorium.contracts import EvaluateRequest, EvaluateResult, Level
from scriptorium.contracts.report import (
    REPORT,
    REPORT_PAGE,
    SAMPLES,
    EvaluationSettings,
    ModelInfo,
    PassageLoss,
    PassageLosses,
    Report,
    Role,
    Sample,
)
from scriptorium.contracts.retention import Retention
from scriptorium.contracts.voice import VoiceOutcome
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.replay.kinds import replayed_gate_kinds
from scriptorium.sampling import spread
from scriptorium.stats.bootstrap import DRAWS
from services.evaluator.calibration.base_temperature import choose_base_temperature
from services.evaluator.generation.concurrency import run_watched
from services.evaluator.generation.plan import list_temperatures
from services.evaluator.generation.protocol import SEEDED, UNSEEDED, Protocol, plan_protocol, run_protocol
from services.evaluator.generation.vllm_client import RETRY_DELAYS, Locate, VllmClient, fetch_model_info, open_clients
from services.evaluator.impostors import MIN_UNSEEN_IMPOSTORS, Impostor, count_unseen, read_impostors
from services.evaluator.loss.coherence import measure_losses
from services.evaluator.loss.loss_drop import MAX_TOKENS, measure_loss_drop, measure_passage_losses, render_passages
from services.evaluator.report.headline import describe_voice
from services.evaluator.report.page import render_page
from services.evaluator.report.summary import summarise_loss_drop, write_verdict
from services.evaluator.report.training_losses import read_losses
from services.evaluator.retention.measure import measure_retention
from services.evaluator.retention_outcome import judge_retention
from services.evaluator.voice.inputs import Losses
from services.evaluator.voice_inputs import pair_samples, read_texts, select_samples
from services.evaluator.voice_outcome import add_retention_gates, measure_voice_outcome, summarise_voice

COMPARED_ROLES: tuple[Role, Role] = ("base", "tuned")
MIN_GENUINE = 24  # genuine passages whose losses show how likely such text is


@dataclass(frozen=True)
class HeldOut:
    """The rows of the author that training never saw, and those of other authors."""

    test: list[Row]
    others: list[Row]


@dataclass(frozen=True)
class Measurements:
    """What was measured with the engines; `max_tokens` is the cut-off of rendered passages."""

    models: tuple[ModelInfo, ModelInfo]
    max_tokens: int
    author: list[PassageLoss]
    others: list[PassageLoss]
    protocol: Protocol
    samples: list[Sample]
    losses: Losses
    retention: Retention | None


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
    for tests. Raises EvaluationFailed if nothing was
    held out or a model does not answer, BaseModelUnusable, and Stopped.
    """
    rows = read_held_out(request.dataset)
    impostors = read_impostors(request.dataset, request.seed)
    _log_impostors(impostors, request.alike, reporter)
    clients = open_clients(request.base, request.tuned, transport, retry_delays, request.streams, locate=locate)
    measured = run_watched(_measure(request, rows, clients, folder, reporter), reporter)
    texts = read_texts(request.dataset, measured.samples, request.seed)
    outcome = measure_voice_outcome(
        texts, measured.samples, measured.losses, alike=request.alike, seed=request.seed, reporter=reporter
    )
    report = _build_report(request, measured, impostors, outcome)
    (folder / REPORT).write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / REPORT_PAGE).write_text(render_page(report, pair_samples(measured.samples)), encoding="utf-8")
    result = report.result
    reporter.message(f"[VALIDATE] {summarise_loss_drop(result)}", drop_percent=result.author.drop_percent)
    if result.voice:
        reporter.message(f"[VALIDATE] {describe_voice(result.voice)}")
    reporter.message("[VALIDATE] Report written")
    return result


def read_held_out(dataset: Path) -> HeldOut:
    """Read the rows to measure with; raises EvaluationFailed if the author has none."""
    test = read_rows(dataset / "test.jsonl")
    if not test:
        raise EvaluationFailed(
            "test.jsonl has no rows: no text of the author was held out, so nothing can be measured.",
            next_step="Send a longer manuscript, or raise data.split.test in the recipe.",
        )
    return HeldOut(test, read_rows(dataset / f"{REFERENCE}.jsonl"))


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


async def _measure(
    request: EvaluateRequest,
    rows: HeldOut,
    clients: AbstractAsyncContextManager[tuple[VllmClient, VllmClient]],
    folder: Path,
    reporter: Reporter,
) -> Measurements:
    """Measure losses, write passages, and measure coherence and retention."""
    async with clients as pair:
        models = await fetch_model_info(pair)
        max_tokens = _choose_max_tokens(models)
        tokenizer = chat_tokenizer(request.tokenizer)
        author, others = spread(rows.test, request.passages), spread(rows.others, request.passages)
        rendered = render_passages([*author, *others], tokenizer, max_tokens)
        passages = await measure_passage_losses([*author, *others], rendered, pair, reporter)
        protocol = plan_protocol(request, rows.test, tokenizer, models)
        choose = partial(_choose_base_temperature, request=request, reporter=reporter)
        samples = await run_protocol(protocol, pair, models, folder, reporter, choose_temperature=choose)
        losses = await _measure_coherence(samples, rows, pair[0], tokenizer, max_tokens=max_tokens, reporter=reporter)
        number = request.instructions
        replayed = replayed_gate_kinds(request.replay.kinds) if request.replay else ()
        retention = (
            await measure_retention(pair, tokenizer, request.seed, reporter, number, replayed_kinds=replayed)
            if number
            else None
        )
    return Measurements(
        models=models,
        max_tokens=max_tokens,
        author=passages[: len(author)],
        others=passages[len(author) :],
        protocol=protocol,
        samples=samples,
        losses=losses,
        retention=retention,
    )


def _choose_base_temperature(samples: Sequence[Sample], request: EvaluateRequest, reporter: Reporter) -> float:
    """Choose the base's temperature by what it wrote from dev briefs, and log it."""
    temperature = choose_base_temperature(samples, request.dataset, request.seed)
    text = f"[VALIDATE] The base is nearest to the author at temperature {temperature:.2f}: it is measured there"
    reporter.message(text, base_temperature=temperature)
    return temperature


async def _measure_coherence(
    samples: list[Sample],
    rows: HeldOut,
    base: VllmClient,
    tokenizer: ChatTokenizer,
    *,
    max_tokens: int,
    reporter: Reporter,
) -> Losses:
    """Measure how likely the base finds what both models wrote, and genuine passages beside it."""
    by_base, by_tuned = ([sample.text for sample in select_samples(samples, role)] for role in COMPARED_ROLES)
    genuine = [row.passage for row in spread(rows.test, max(MIN_GENUINE, len(by_base)))]
    return await measure_losses(base, tokenizer, (genuine, by_base, by_tuned), max_tokens, reporter)


def _choose_max_tokens(models: tuple[ModelInfo, ModelInfo]) -> int:
    """Return the tokens that both engines can read; one is left for the answer that the completions API requires."""
    return min([MAX_TOKENS, *(model.max_model_len - 1 for model in models if model.max_model_len)])


def _build_report(
    request: EvaluateRequest, measured: Measurements, impostors: list[Impostor], outcome: VoiceOutcome
) -> Report:
    """Judge the measurements and put them together."""
    author = measure_loss_drop(measured.author, request.seed)
    others = measure_loss_drop(measured.others, request.seed) if measured.others else None
    prompts = len(select_samples(measured.samples, "base"))
    retention = judge_retention(measured.retention, pair_samples(measured.samples), request.seed)
    outcome = add_retention_gates(outcome, retention)
    result = EvaluateResult(
        author=author,
        others=others,
        samples=prompts,
        unseen_impostors=count_unseen(impostors),
        retention=retention.verdict.value,
        voice=summarise_voice(outcome),
    )
    parameters = count_parameters(request.tokenizer)
    decoding = measured.protocol.decoding
    settings = EvaluationSettings(
        decoding=decoding.model_copy(update={"temperature": request.temperature}),
        base_temperature=select_samples(measured.samples, "base")[0].decoding.temperature,
        base_temperatures=list(list_temperatures(request.temperature, request.base_temperature).base),
        seeds=SEEDED if request.seeded else UNSEEDED,
        prompts=prompts,
        calibration=len(select_samples(measured.samples, "base", "dev")),
        excerpts=measured.protocol.excerpts,
        seen_impostors=[impostor.author for impostor in impostors if impostor.is_seen],
        unseen_impostors=[impostor.author for impostor in impostors if not impostor.is_seen],
        streams=request.streams,
        longest_tokens=measured.max_tokens,
        cut=sum(passage.cut for passage in (*measured.author, *measured.others)),
        bootstrap_draws=DRAWS,
        seed=request.seed,
    )
    base, tuned = measured.models
    return Report(
        title=request.title,
        scriptorium=__version__,
        created_at=int(time.time()),
        parameters=parameters,
        base=base,
        tuned=tuned,
        verdict=write_verdict(result, parameters, retention.parts, outcome.language),
        result=result,
        voice=outcome,
        kept=retention,
        calibration=request.calibration,
        settings=settings,
        passages=PassageLosses(author=measured.author, others=measured.others),
        training=read_losses(request.metrics),
        samples=SAMPLES,
        replay=request.replay,
    )


def count_parameters(folder: Path) -> int | None:
    """Count the weights of a model from the headers of its safetensors files; returns None if there are none."""
    total = 0
    for path in folder.glob("*.safetensors"):
        with safe_open(str(path), framework="numpy") as weights:
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total or None
