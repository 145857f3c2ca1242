"""Measure retention: give both models the same instructions and the same neutral text, and judge the results."""

from __future__ import annotations

import time
from collections.abc import Collection

from scriptorium.contracts.base import Message
from scriptorium.contracts.report.retention import Following, Retention
from scriptorium.instructions.catalogue import write_instructions
from scriptorium.instructions.instruction import Instruction
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.generation.concurrency import Progress, run_concurrently
from services.evaluator.generation.vllm_client import VllmClient
from services.evaluator.retention.compare import compare_answers
from services.evaluator.retention.perplexity import measure_perplexity
from services.evaluator.retention.verdict import judge_instructions, judge_perplexity, judge_unseen_kinds, worst

INSTRUCTIONS = 192  # six of each kind: two minutes on two cores with a small model
MAX_TOKENS = 96  # an answer that follows needs some 60; a small model on a CPU uses all of them each time


async def measure_retention(
    pair: tuple[VllmClient, VllmClient],
    tokenizer: ChatTokenizer,
    seed: int,
    reporter: Reporter,
    number: int = INSTRUCTIONS,
    *,
    replayed_kinds: Collection[str] = (),
) -> Retention:
    """Compare base and tuned on `number` instructions; `seed` is that of the bootstrap.

    `replayed_kinds` are the kinds of instruction that replay practised; they are compared apart from the others.
    Raises EvaluationFailed and Stopped.
    """
    started = time.monotonic()
    following = await measure_following(pair, number, reporter, replayed_kinds)
    perplexity = await measure_perplexity(pair, tokenizer, seed, reporter)
    parts = judge_instructions(following), *judge_unseen_kinds(following), judge_perplexity(perplexity)
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


async def measure_following(
    pair: tuple[VllmClient, VllmClient], number: int, reporter: Reporter, replayed_kinds: Collection[str] = ()
) -> Following:
    """Ask both models, one after the other: two engines share the same cores."""
    instructions = write_instructions(number)
    progress = Progress("instructions answered", len(instructions) * len(pair), reporter)
    base, tuned = [
        await run_concurrently([_answer(client, instruction, progress) for instruction in instructions])
        for client in pair
    ]
    return compare_answers(instructions, base, tuned, replayed_kinds)


async def _answer(client: VllmClient, instruction: Instruction, progress: Progress) -> str:
    """Let a model answer greedily: the likeliest answer shows what it has learned to do."""
    question = Message(role="user", content=instruction.request)
    completion = await client.write([question], MAX_TOKENS, temperature=0.0)
    progress.count()
    return completion.text
