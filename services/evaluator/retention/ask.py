"""Ask a model every instruction and keep its answers, greedily: the likeliest answer says what it has learned to do."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.models.tokenizer import Message
from services.evaluator.generation.concurrency import Progress, together
from services.evaluator.generation.vllm_client import Engine
from services.evaluator.retention.instructions.instruction import Instruction

MAX_TOKENS = 96  # an answer that follows needs some 60; a small model on a CPU writes all of them each time


async def ask(engine: Engine, instructions: Sequence[Instruction], progress: Progress) -> list[str]:
    """The answers of one model, in the order of the instructions."""
    return await together([_ask(engine, instruction, progress) for instruction in instructions])


async def _ask(engine: Engine, instruction: Instruction, progress: Progress) -> str:
    question = Message(role="user", content=instruction.request)
    written = await engine.write([question], MAX_TOKENS, temperature=0.0)
    progress.count()
    return written.text
