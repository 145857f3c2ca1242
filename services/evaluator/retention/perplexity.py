"""The perplexity of both models on neutral text: eighty plain paragraphs of our own that no model was trained on.

The text is scored outside of any chat: inside one, a model that has learned to answer in an author's voice finds every
other voice less likely, as it should.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scriptorium.contracts.report.retention import Perplexity
from scriptorium.instructions.counting import split_paragraphs
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.stats.bootstrap import ONE_SIDED_95, draw_rows, percentile_interval
from services.evaluator.generation.concurrency import Progress, run_concurrently
from services.evaluator.generation.vllm_client import VllmClient

NEUTRAL_TEXT = Path(__file__).with_name("neutral.txt")


def read_neutral_paragraphs() -> list[str]:
    """Read the eighty paragraphs."""
    return [paragraph.strip() for paragraph in split_paragraphs(NEUTRAL_TEXT.read_text(encoding="utf-8"))]


async def measure_perplexity(
    pair: tuple[VllmClient, VllmClient], tokenizer: ChatTokenizer, seed: int, reporter: Reporter
) -> Perplexity:
    """Measure both models, one after the other: two engines share the same cores."""
    paragraphs = [tokenizer.encode_text(paragraph) for paragraph in read_neutral_paragraphs()]
    progress = Progress("neutral paragraphs read", len(paragraphs) * len(pair), reporter)
    base, tuned = [
        await run_concurrently([_summed_loss(client, ids, progress) for ids in paragraphs]) for client in pair
    ]
    return compare_losses(base, tuned, [len(ids) - 1 for ids in paragraphs], seed)


async def _summed_loss(client: VllmClient, ids: Sequence[int], progress: Progress) -> float:
    """Return the summed loss of a paragraph in nats; its first token has none."""
    log_probabilities = await client.log_probabilities(ids)
    progress.count()
    return -sum(log_probabilities)


def compare_losses(base: Sequence[float], tuned: Sequence[float], tokens: Sequence[int], seed: int) -> Perplexity:
    """Compare the perplexities, with a percentile bootstrap over paragraphs, which stay whole and paired."""
    before, after, counts = np.array(base), np.array(tuned), np.array(tokens)
    draws = draw_rows(seed, len(counts))
    low, high = percentile_interval(_ratio((after - before)[draws], counts[draws]), ONE_SIDED_95)
    total = int(counts.sum())
    return Perplexity(
        paragraphs=len(counts),
        tokens=total,
        base=float(np.exp(before.sum() / total)),
        tuned=float(np.exp(after.sum() / total)),
        ratio=float(_ratio(after - before, counts)),
        low=low,
        high=high,
    )


def _ratio(differences: NDArray[np.float64], tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the ratio of two perplexities from differences of summed losses, along the last axis."""
    return np.asarray(np.exp(differences.sum(axis=-1) / tokens.sum(axis=-1)))
