"""Compare base and tuned: what they write from the same held-out briefs, and how well they foresee held-out text.

Reads the dataset folder and training's metrics, asks two vLLM engines, and writes report.json, report.html and
samples.jsonl.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import httpx

from scriptorium import __version__
from scriptorium.artifacts.dataset import REFERENCE, Row, read_rows
from scriptorium.contracts import EvaluateRequest, EvaluateResult, Level
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.sampling import spread
from services.evaluator.generation.concurrency import run_watched
from services.evaluator.generation.plan import Role
from services.evaluator.generation.protocol import SEEDED, UNSEEDED, Protocol, carry_out, plan_protocol
from services.evaluator.generation.samples import SAMPLES, Sample
from services.evaluator.generation.vllm_client import WAITS, Card, Engine, engines, meet
from services.evaluator.impostors import ENOUGH_UNSEEN, Impostor, count_unseen, read_impostors
from services.evaluator.loss.coherence import measure_losses
from services.evaluator.loss.loss_drop import DRAWS, LONGEST, Scored, locate_all, measure_drop, score_passages
from services.evaluator.report.findings import REPORT, Findings, Passages, Settings
from services.evaluator.report.headline import tell
from services.evaluator.report.page import PAGE, render_page
from services.evaluator.report.parameters import count_parameters
from services.evaluator.report.summary import judge, summarise
from services.evaluator.report.training_losses import read_losses
from services.evaluator.retention.measure import measure_retention
from services.evaluator.retention.result import Retention
from services.evaluator.retention_outcome import judge_kept
from services.evaluator.voice.inputs import Losses
from services.evaluator.voice_inputs import of_role, pair_up, read_texts
from services.evaluator.voice_outcome import VoiceOutcome, find_outcome, score, weigh

WRITERS: tuple[Role, Role] = ("base", "tuned")
GENUINE = 24  # genuine passages at least, to know how likely such text is


@dataclass(frozen=True)
class HeldOut:
    """The author's rows that training never saw, and those of other authors."""

    test: list[Row]
    others: list[Row]


@dataclass(frozen=True)
class Measured:
    """What the engines answered."""

    cards: tuple[Card, Card]
    longest: int
    author: list[Scored]
    others: list[Scored]
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
    waits: Sequence[float] = WAITS,
) -> EvaluateResult:
    """Measure, judge and write the report into `folder`.

    `transport` and `waits` (seconds before each new try) are for tests. Raises EvaluationFailed where nothing was held
    out or a model does not answer, BaseModelUnusable, and Stopped.
    """
    rows = read_held_out(request.dataset)
    impostors = read_impostors(request.dataset, request.seed)
    _tell_impostors(impostors, request.alike, reporter)
    opened = engines(request.base, request.tuned, transport, waits, request.streams)
    measured = run_watched(_measure(request, rows, opened, folder, reporter), reporter)
    texts = read_texts(request.dataset, measured.samples, request.seed)
    outcome = find_outcome(
        texts, measured.samples, measured.losses, alike=request.alike, seed=request.seed, reporter=reporter
    )
    findings = _conclude(request, measured, impostors, outcome)
    (folder / REPORT).write_text(findings.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(render_page(findings, pair_up(measured.samples)), encoding="utf-8")
    author = findings.result.author
    reporter.message(f"[VALIDATE] {summarise(findings.result)}", drop_percent=author.drop_percent)
    if findings.result.voice:
        reporter.message(f"[VALIDATE] {tell(findings.result.voice)}")
    reporter.message("[VALIDATE] Report written")
    return findings.result


def read_held_out(dataset: Path) -> HeldOut:
    """Read the rows to measure with; raises EvaluationFailed where the author has none."""
    test = read_rows(dataset / "test.jsonl")
    if not test:
        raise EvaluationFailed(
            "test.jsonl has no rows: no text of the author was held out, so nothing can be measured.",
            next_step="Send a longer manuscript, or raise data.split.test in the recipe.",
        )
    return HeldOut(test, read_rows(dataset / f"{REFERENCE}.jsonl"))


def _tell_impostors(impostors: Sequence[Impostor], alike: Sequence[str], reporter: Reporter) -> None:
    """Say how many other authors there are to compare with, what it means where they are few, and who is unknown."""
    known = {impostor.author.casefold() for impostor in impostors}
    if unknown := [name for name in alike if name.casefold() not in known]:
        have = ", ".join(impostor.author for impostor in impostors) or "nobody"
        text = f"[VALIDATE] evaluation.alike names {', '.join(unknown)}; the other authors are {have}"
        reporter.message(text, level=Level.WARN)
    unseen = count_unseen(impostors)
    text = f"[VALIDATE] {len(impostors)} impostors, {unseen} of them unseen"
    if unseen >= ENOUGH_UNSEEN:
        reporter.message(text)
        return
    few = f"fewer than {ENOUGH_UNSEEN}, so the voice can be called promising at most"
    reporter.message(f"{text}: {few} (see `scriptorium impostors install`)", level=Level.WARN, unseen=unseen)


async def _measure(
    request: EvaluateRequest,
    rows: HeldOut,
    opened: AbstractAsyncContextManager[tuple[Engine, Engine]],
    folder: Path,
    reporter: Reporter,
) -> Measured:
    async with opened as pair:
        cards = await meet(pair)
        longest = _longest(cards)
        tokenizer = chat_tokenizer(request.tokenizer)
        author, others = spread(rows.test, request.passages), spread(rows.others, request.passages)
        spans = locate_all([*author, *others], tokenizer, longest)
        scored = await score_passages([*author, *others], spans, pair, reporter)
        protocol = plan_protocol(request, rows.test, tokenizer, cards)
        samples = await carry_out(protocol, pair, cards, folder, reporter)
        losses = await _read_back(samples, rows, pair[0], tokenizer, longest=longest, reporter=reporter)
        asked = request.instructions
        retention = await measure_retention(pair, tokenizer, request.seed, reporter, asked) if asked else None
    own, theirs = scored[: len(author)], scored[len(author) :]
    return Measured(cards, longest, own, theirs, protocol, samples, losses, retention)


async def _read_back(
    samples: list[Sample], rows: HeldOut, base: Engine, tokenizer: ChatTokenizer, *, longest: int, reporter: Reporter
) -> Losses:
    """How likely the base finds what both wrote, and genuine pages beside it."""
    written = [[sample.text for sample in of_role(samples, role)] for role in WRITERS]
    genuine = [row.passage for row in spread(rows.test, max(GENUINE, len(written[0])))]
    return await measure_losses(base, tokenizer, (genuine, written[0], written[1]), longest, reporter)


def _longest(cards: tuple[Card, Card]) -> int:
    """Tokens of a text that both engines can read; one is left for the answer that the completions call insists on."""
    return min([LONGEST, *(card.max_model_len - 1 for card in cards if card.max_model_len)])


def _conclude(
    request: EvaluateRequest, measured: Measured, impostors: list[Impostor], outcome: VoiceOutcome
) -> Findings:
    """Put the measurements together; no work is left to do but to write them down."""
    author = measure_drop(measured.author, request.seed)
    others = measure_drop(measured.others, request.seed) if measured.others else None
    prompts = len(of_role(measured.samples, "base"))
    kept = judge_kept(measured.retention, pair_up(measured.samples), request.seed)
    outcome = weigh(outcome, kept)
    result = EvaluateResult(
        author=author,
        others=others,
        samples=prompts,
        unseen_impostors=count_unseen(impostors),
        retention=kept.verdict.value,
        voice=score(outcome),
    )
    parameters = count_parameters(request.tokenizer)
    settings = Settings(
        decoding=measured.protocol.decoding,
        seeds=SEEDED if request.seeded else UNSEEDED,
        prompts=prompts,
        calibration=len(of_role(measured.samples, "base", "dev")),
        excerpts=measured.protocol.excerpts,
        seen_impostors=[impostor.author for impostor in impostors if impostor.seen],
        unseen_impostors=[impostor.author for impostor in impostors if not impostor.seen],
        streams=request.streams,
        longest_tokens=measured.longest,
        cut=sum(passage.cut for passage in (*measured.author, *measured.others)),
        bootstrap_draws=DRAWS,
        seed=request.seed,
    )
    base, tuned = measured.cards
    return Findings(
        title=request.title,
        scriptorium=__version__,
        created_at=int(time.time()),
        parameters=parameters,
        base=base,
        tuned=tuned,
        verdict=judge(result, parameters, kept.parts),
        result=result,
        voice=outcome,
        kept=kept,
        settings=settings,
        passages=Passages(author=measured.author, others=measured.others),
        training=read_losses(request.metrics),
        samples=SAMPLES,
    )
