"""How surprised both models are by neutral text: twenty plain paragraphs of our own that no model was trained on.

The text stands outside of any chat: inside one, a model that has learned to answer in an author's voice finds every
other voice less likely, as it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.generation.concurrency import Progress, together
from services.evaluator.generation.vllm_client import Engine
from services.evaluator.retention.instructions.counting import paragraphs
from services.evaluator.retention.result import Perplexity

TEXT = Path(__file__).with_name("neutral.txt")
DRAWS = 2000
TAILS = (5, 95)  # one-sided 95 % each


def neutral_text() -> list[str]:
    """The paragraphs."""
    return [paragraph.strip() for paragraph in paragraphs(TEXT.read_text(encoding="utf-8"))]


async def read_neutral_text(
    pair: tuple[Engine, Engine], tokenizer: ChatTokenizer, seed: int, reporter: Reporter
) -> Perplexity:
    """Measure both models, one after the other: two engines share the same cores."""
    ids = [tokenizer.encode_text(paragraph) for paragraph in neutral_text()]
    progress = Progress("neutral paragraphs read", len(ids) * len(pair), reporter)
    base, tuned = [await together([_loss(engine, each, progress) for each in ids]) for engine in pair]
    return compare_losses(base, tuned, [len(each) - 1 for each in ids], seed)


async def _loss(engine: Engine, ids: Sequence[int], progress: Progress) -> float:
    """The summed loss of a paragraph in nats; its first token has none."""
    log_probabilities = await engine.log_probabilities(ids)
    progress.count()
    return -sum(log_probabilities)


def compare_losses(base: Sequence[float], tuned: Sequence[float], tokens: Sequence[int], seed: int) -> Perplexity:
    """The perplexities and their ratio, with a percentile bootstrap over paragraphs, which stay whole and paired."""
    before, after, counts = np.array(base), np.array(tuned), np.array(tokens)
    draws = np.random.default_rng(seed).integers(0, len(counts), size=(DRAWS, len(counts)))
    low, high = np.percentile(_ratio((after - before)[draws], counts[draws]), TAILS)
    total = int(counts.sum())
    return Perplexity(
        paragraphs=len(counts),
        tokens=total,
        base=float(np.exp(before.sum() / total)),
        tuned=float(np.exp(after.sum() / total)),
        ratio=float(_ratio(after - before, counts)),
        low=float(low),
        high=float(high),
    )


def _ratio(differences: NDArray[np.float64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """The ratio of two perplexities from differences of summed losses, along the last axis."""
    return np.asarray(np.exp(differences.sum(axis=-1) / tokens.sum(axis=-1)))
