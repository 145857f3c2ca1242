"""Measure retention: ask both models the same instructions, let both read the same neutral text, and judge."""

from __future__ import annotations

import time

from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.generation.concurrency import Progress
from services.evaluator.generation.vllm_client import Engine
from services.evaluator.retention.ask import ask
from services.evaluator.retention.compare import compare_answers
from services.evaluator.retention.instructions.catalogue import write_instructions
from services.evaluator.retention.perplexity import read_neutral_text
from services.evaluator.retention.result import Following, Retention
from services.evaluator.retention.verdict import judge_following, judge_reading, worst

ASKED = 192  # six of each kind: two minutes on two cores with a small model


async def measure_retention(
    pair: tuple[Engine, Engine], tokenizer: ChatTokenizer, seed: int, reporter: Reporter, asked: int = ASKED
) -> Retention:
    """Compare base and tuned; `seed` is that of the bootstrap. Raises EvaluationFailed and Stopped."""
    started = time.monotonic()
    following = await follow_instructions(pair, asked, reporter)
    perplexity = await read_neutral_text(pair, tokenizer, seed, reporter)
    parts = judge_following(following), judge_reading(perplexity)
    for part in parts:
        reporter.message(f"[VALIDATE] Retention: {part.message}", code=part.code, verdict=part.verdict)
    return Retention(
        verdict=worst(parts).verdict,
        parts=parts,
        next_step=worst(parts).next_step,
        following=following,
        perplexity=perplexity,
        seconds=time.monotonic() - started,
    )


async def follow_instructions(pair: tuple[Engine, Engine], asked: int, reporter: Reporter) -> Following:
    """Ask both models, one after the other: two engines share the same cores."""
    instructions = write_instructions(asked)
    progress = Progress("instructions answered", len(instructions) * len(pair), reporter)
    base, tuned = [await ask(engine, instructions, progress) for engine in pair]
    return compare_answers(instructions, base, tuned)
