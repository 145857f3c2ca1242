"""The loss of base and tuned on text that neither was trained on: mean negative log-likelihood per token.

Only the tokens of the passage count, the end of turn included; the brief is the context.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import LossDrop
from scriptorium.contracts.report.document import PassageLoss
from scriptorium.errors import EvaluationFailed, Problem
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.stats.bootstrap import draw_rows, percentile_interval
from services.evaluator.generation.concurrency import Progress, run_concurrently
from services.evaluator.generation.vllm_client import VllmClient

MAX_TOKENS = 1024  # log-probabilities over a large vocabulary take memory next to the engine's own
NEXT_STEP = "Serve the models with a longer --max-model-len, or prepare the data with shorter briefs."


@dataclass(frozen=True)
class RenderedPassage:
    """Brief and passage as token ids; the tokens of the passage are `ids[start:]`. `cut` if the end was cut off."""

    ids: list[int]
    start: int
    cut: bool


def render_passage(row: Row, tokenizer: ChatTokenizer, max_tokens: int) -> RenderedPassage:
    """Render a row and find where its passage begins; it is cut after `max_tokens` tokens."""
    ids, start = tokenizer.encode_last_turn(row.messages)
    return RenderedPassage(ids[:max_tokens], start, len(ids) > max_tokens)


def render_passages(rows: Sequence[Row], tokenizer: ChatTokenizer, max_tokens: int) -> list[RenderedPassage]:
    """Render every row; raises EvaluationFailed with all rows whose brief leaves no room for the passage."""
    rendered = [render_passage(row, tokenizer, max_tokens) for row in rows]
    too_long = [row for row, passage in zip(rows, rendered, strict=True) if passage.start >= len(passage.ids)]
    if too_long:
        problems = [
            Problem(f"{row.author or 'the author'}, {row.chapter}", f"the brief alone fills {max_tokens} tokens")
            for row in too_long
        ]
        raise EvaluationFailed("Some briefs leave no room for their passages.", problems=problems, next_step=NEXT_STEP)
    return rendered


async def measure_passage_losses(
    rows: Sequence[Row], rendered: Sequence[RenderedPassage], pair: tuple[VllmClient, VllmClient], reporter: Reporter
) -> list[PassageLoss]:
    """Measure the loss of each passage under one model after the other: two engines share the same cores."""
    progress = Progress("losses of held-out passages measured", len(rows) * len(pair), reporter)
    base, tuned = [
        await run_concurrently([_summed_loss(client, passage, progress) for passage in rendered]) for client in pair
    ]
    return [
        PassageLoss(
            author=row.author,
            chapter=row.chapter,
            tokens=len(passage.ids) - passage.start,
            cut=passage.cut,
            base=base_loss,
            tuned=tuned_loss,
        )
        for row, passage, base_loss, tuned_loss in zip(rows, rendered, base, tuned, strict=True)
    ]


async def _summed_loss(client: VllmClient, passage: RenderedPassage, progress: Progress) -> float:
    """Return the summed loss of a passage under one model."""
    log_probabilities = await client.log_probabilities(passage.ids)
    progress.count()
    first = max(passage.start - 1, 0)  # the first token of a text has no log-probability, so the list is one shorter
    return -sum(log_probabilities[first:])


def measure_loss_drop(passages: Sequence[PassageLoss], seed: int) -> LossDrop:
    """Return the drop of the summed loss in percent, with a percentile bootstrap over whole passages."""
    tokens = sum(passage.tokens for passage in passages)
    base = np.array([passage.base for passage in passages])
    tuned = np.array([passage.tuned for passage in passages])
    draws = draw_rows(seed, len(passages))
    low, high = percentile_interval(_drop_percent(base[draws], tuned[draws]))
    return LossDrop(
        passages=len(passages),
        base=float(base.sum()) / tokens,
        tuned=float(tuned.sum()) / tokens,
        drop_percent=float(_drop_percent(base, tuned)),
        low_percent=low,
        high_percent=high,
    )


def _drop_percent(base: np.ndarray, tuned: np.ndarray) -> np.ndarray:
    """Return 100 * (1 - tuned / base), of sums along the last axis."""
    return np.asarray(100 * (1 - tuned.sum(axis=-1) / base.sum(axis=-1)))
