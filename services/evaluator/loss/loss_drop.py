"""How surprised base and tuned are by text that neither was trained on: mean negative log-likelihood per token.

Only the passage's own tokens count, the end of turn included; the brief is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import LossDrop
from scriptorium.errors import EvaluationFailed, Problem
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.generation.concurrency import Progress, together
from services.evaluator.generation.vllm_client import Engine

LONGEST = 1024  # tokens: log-probabilities over a large vocabulary take memory next to the engine's own
DRAWS = 2000
TAILS = (2.5, 97.5)
TOO_LONG = "Serve the models with a longer --max-model-len, or prepare the data with shorter briefs."


@dataclass(frozen=True)
class Span:
    """A rendered example as token ids; the passage's own tokens are `ids[start:]`."""

    ids: list[int]
    start: int
    cut: bool


class Scored(BaseModel):
    """Summed loss (nats) of one passage under both models, over `tokens` tokens."""

    author: str
    chapter: str
    tokens: int
    cut: bool
    base: float
    tuned: float


def locate(row: Row, tokenizer: ChatTokenizer, longest: int) -> Span:
    """Render a row and find where its passage begins; it is cut after `longest` tokens."""
    ids, start = tokenizer.span(row.messages)
    return Span(ids[:longest], start, len(ids) > longest)


def locate_all(rows: Sequence[Row], tokenizer: ChatTokenizer, longest: int) -> list[Span]:
    """Locate each row's passage; raises EvaluationFailed with every row whose brief leaves no room for its passage."""
    spans = [locate(row, tokenizer, longest) for row in rows]
    pairs = zip(rows, spans, strict=True)
    long = [row for row, span in pairs if span.start >= len(span.ids)]
    if long:
        problems = [
            Problem(f"{row.author or 'the author'}, {row.chapter}", f"the brief alone fills {longest} tokens")
            for row in long
        ]
        raise EvaluationFailed("Some briefs leave no room for their passages.", problems=problems, next_step=TOO_LONG)
    return spans


async def score_passages(
    rows: Sequence[Row], spans: Sequence[Span], pair: tuple[Engine, Engine], reporter: Reporter
) -> list[Scored]:
    """Score each row's passage under both models, one model after the other: two engines share the same cores."""
    progress = Progress("losses of held-out passages measured", len(rows) * len(pair), reporter)
    base, tuned = [await together([_loss(engine, span, progress) for span in spans]) for engine in pair]
    return [
        Scored(
            author=row.author,
            chapter=row.chapter,
            tokens=len(span.ids) - span.start,
            cut=span.cut,
            base=base_loss,
            tuned=tuned_loss,
        )
        for row, span, base_loss, tuned_loss in zip(rows, spans, base, tuned, strict=True)
    ]


async def _loss(engine: Engine, span: Span, progress: Progress) -> float:
    """The summed loss of a passage under one model."""
    log_probabilities = await engine.log_probabilities(span.ids)
    progress.count()
    first = max(span.start - 1, 0)  # the first token of a text has no log-probability, so the list is one shorter
    return -sum(log_probabilities[first:])


def measure_drop(passages: Sequence[Scored], seed: int) -> LossDrop:
    """The drop of the summed loss in percent, with a percentile bootstrap over passages (a passage stays whole)."""
    tokens = sum(passage.tokens for passage in passages)
    base = np.array([passage.base for passage in passages])
    tuned = np.array([passage.tuned for passage in passages])
    draws = np.random.default_rng(seed).integers(0, len(passages), size=(DRAWS, len(passages)))
    low, high = np.percentile(_drop(base[draws], tuned[draws]), TAILS)
    return LossDrop(
        passages=len(passages),
        base=float(base.sum()) / tokens,
        tuned=float(tuned.sum()) / tokens,
        drop_percent=float(_drop(base, tuned)),
        low_percent=float(low),
        high_percent=float(high),
    )


def _drop(base: np.ndarray, tuned: np.ndarray) -> np.ndarray:
    """100 * (1 - tuned / base), of sums along the last axis."""
    return np.asarray(100 * (1 - tuned.sum(axis=-1) / base.sum(axis=-1)))
