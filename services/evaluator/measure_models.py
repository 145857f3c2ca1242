"""What is measured with the engines of both models: losses, passages, new scenes, rewritten drafts, instructions.

The base's engine also reads what was written, for the coherence gate and the second judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scriptorium.artifacts.dataset import REFERENCE, SPLITS, Row, read_book_language, read_rows
from scriptorium.contracts import EvaluateRequest
from scriptorium.contracts.report.document import ModelInfo, PassageLoss, Role, Sample
from scriptorium.contracts.report.retention import Retention
from scriptorium.contracts.report.rewriting import RewriteSample
from scriptorium.errors import EvaluationFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer
from scriptorium.replay.kinds import replayed_gate_kinds
from scriptorium.rewriting.book_words import BookWords, read_book
from scriptorium.sampling import spread
from services.evaluator.calibration.base_temperature import choose_base_temperature
from services.evaluator.generation.protocol import Protocol, plan_protocol, run_protocol
from services.evaluator.generation.vllm_client import VllmClient, fetch_model_info
from services.evaluator.loss.coherence import measure_losses
from services.evaluator.loss.loss_drop import MAX_TOKENS, measure_passage_losses, render_passages
from services.evaluator.retention.measure import measure_retention
from services.evaluator.rewriting.write_rewrites import Drafting, RewriteWriter, write_rewrites
from services.evaluator.second_judge.read import Readings, read_passages
from services.evaluator.voice.inputs import Losses
from services.evaluator.voice_inputs import read_texts, select_samples
from services.evaluator.voice_outcome import gather_inputs

COMPARED_ROLES: tuple[Role, Role] = ("base", "tuned")
MIN_GENUINE = 24  # genuine passages whose losses show how likely such text is


@dataclass(frozen=True)
class HeldOut:
    """The rows of the author that training never saw, and those of other authors."""

    test: list[Row]
    others: list[Row]


@dataclass(frozen=True)
class Engines:
    """The engines of base and tuned model, and the tokens of a text that both can read."""

    clients: tuple[VllmClient, VllmClient]
    models: tuple[ModelInfo, ModelInfo]
    tokenizer: ChatTokenizer
    max_tokens: int

    @property
    def base(self) -> VllmClient:
        """The base's engine."""
        return self.clients[0]

    @property
    def context(self) -> int | None:
        """The shorter context of the two, in tokens; None if neither is known."""
        return min((model.max_model_len for model in self.models if model.max_model_len), default=None)


@dataclass(frozen=True)
class Measurements:
    """What was measured with the engines; `max_tokens` is the cut-off of rendered passages.

    `readings` are the second judge's; None if there is too little text. `book` is what drafts are checked with; None if
    none were rewritten.
    """

    models: tuple[ModelInfo, ModelInfo]
    max_tokens: int
    author: list[PassageLoss]
    others: list[PassageLoss]
    protocol: Protocol
    samples: list[Sample]
    losses: Losses
    readings: Readings | None
    retention: Retention | None
    book: BookWords | None
    rewrites: list[RewriteSample]


def read_held_out(dataset: Path) -> HeldOut:
    """Read the rows to measure with; raises EvaluationFailed if the author has none."""
    test = read_rows(dataset / "test.jsonl")
    if not test:
        raise EvaluationFailed(
            "test.jsonl has no rows: no text of the author was held out, so nothing can be measured.",
            next_step="Send a longer manuscript, or raise data.split.test in the recipe.",
        )
    return HeldOut(test, read_rows(dataset / f"{REFERENCE}.jsonl"))


def read_author_book(dataset: Path) -> BookWords:
    """Read the words of the author's book from all of its passages."""
    passages = [row.passage for split in SPLITS for row in read_rows(dataset / f"{split}.jsonl")]
    return read_book(passages, read_book_language(dataset, passages))


async def measure_models(
    request: EvaluateRequest,
    rows: HeldOut,
    clients: AbstractAsyncContextManager[tuple[VllmClient, VllmClient]],
    folder: Path,
    reporter: Reporter,
) -> Measurements:
    """Measure losses, write passages and rewrites into `folder`, and measure coherence and retention."""
    async with clients as pair:
        models = await fetch_model_info(pair)
        engines = Engines(pair, models, chat_tokenizer(request.tokenizer), choose_max_tokens(models))
        author, others = spread(rows.test, request.passages), spread(rows.others, request.passages)
        rendered = render_passages([*author, *others], engines.tokenizer, engines.max_tokens)
        passages = await measure_passage_losses([*author, *others], rendered, pair, reporter)
        protocol = plan_protocol(request, rows.test, engines.tokenizer, models)
        choose = partial(_choose_base_temperature, request=request, reporter=reporter)
        samples = await run_protocol(protocol, pair, models, folder, reporter, choose_temperature=choose)
        book = read_author_book(request.dataset) if request.rewrites else None
        return Measurements(
            models=models,
            max_tokens=engines.max_tokens,
            author=passages[: len(author)],
            others=passages[len(author) :],
            protocol=protocol,
            samples=samples,
            losses=await _measure_coherence(samples, rows, engines, reporter),
            readings=await _read_again(request, samples, engines, reporter),
            book=book,
            rewrites=await _rewrite_drafts(request, samples, engines, protocol, book, folder=folder, reporter=reporter),
            retention=await _measure_retention(request, engines, reporter),
        )


def choose_max_tokens(models: tuple[ModelInfo, ModelInfo]) -> int:
    """Return the tokens that both engines can read; one is left for the answer that the completions API requires."""
    return min([MAX_TOKENS, *(model.max_model_len - 1 for model in models if model.max_model_len)])


def _choose_base_temperature(samples: Sequence[Sample], request: EvaluateRequest, reporter: Reporter) -> float:
    """Choose the base's temperature by what it wrote from dev briefs, and log it."""
    temperature = choose_base_temperature(samples, request.dataset, request.seed)
    text = f"[VALIDATE] The base is nearest to the author at temperature {temperature:.2f}: it is measured there"
    reporter.message(text, base_temperature=temperature)
    return temperature


async def _measure_coherence(samples: list[Sample], rows: HeldOut, engines: Engines, reporter: Reporter) -> Losses:
    """Measure how likely the base finds what both models wrote, and genuine passages beside it."""
    by_base, by_tuned = ([sample.text for sample in select_samples(samples, role)] for role in COMPARED_ROLES)
    genuine = [row.passage for row in spread(rows.test, max(MIN_GENUINE, len(by_base)))]
    texts = (genuine, by_base, by_tuned)
    return await measure_losses(engines.base, engines.tokenizer, texts, engines.max_tokens, reporter)


async def _read_again(
    request: EvaluateRequest, samples: list[Sample], engines: Engines, reporter: Reporter
) -> Readings | None:
    """Let the base read the passages for the second judge; returns None if it is not wanted or has too little text."""
    if not request.judged_prompts:
        return None
    texts = await asyncio.to_thread(read_texts, request.dataset, samples, request.seed)
    try:
        inputs = gather_inputs(texts, samples, None, request.alike)
    except EvaluationFailed:
        return None  # the verdict on the voice names what is missing
    return await read_passages(
        engines.base,
        engines.tokenizer,
        inputs,
        prompts=request.judged_prompts,
        max_tokens=engines.max_tokens,
        seed=request.seed,
        reporter=reporter,
    )


async def _rewrite_drafts(
    request: EvaluateRequest,
    samples: Sequence[Sample],
    engines: Engines,
    protocol: Protocol,
    book: BookWords | None,
    *,
    folder: Path,
    reporter: Reporter,
) -> list[RewriteSample]:
    """Have both models rewrite the same drafts, each at the temperature at which it answers briefs."""
    if book is None:
        return []
    by_base, (base, tuned) = select_samples(samples, "base"), zip(engines.clients, engines.models, strict=True)
    seed, max_tokens = request.seed if request.seeded else None, protocol.decoding.max_tokens
    writers = [
        RewriteWriter("base", *base, max_tokens, by_base[0].decoding.temperature, seed),
        RewriteWriter("tuned", *tuned, max_tokens, request.temperature, seed),
    ]
    drafting = Drafting(writers[0], book, engines.tokenizer, engines.context)
    return await write_rewrites(by_base, request.rewrites, drafting, writers, folder=folder, reporter=reporter)


async def _measure_retention(request: EvaluateRequest, engines: Engines, reporter: Reporter) -> Retention | None:
    """Measure retention; returns None if no instructions are wanted."""
    if not request.instructions:
        return None
    return await measure_retention(
        engines.clients,
        engines.tokenizer,
        request.seed,
        reporter,
        request.instructions,
        replayed_kinds=replayed_gate_kinds(request.replay.kinds) if request.replay else (),
    )
