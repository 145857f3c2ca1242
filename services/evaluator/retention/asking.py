"""Ask a model every instruction and keep its answers, greedily: the likeliest answer says what it has learned to do."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.chat import Message
from scriptorium.report import Report
from services.evaluator.engine import Engine
from services.evaluator.retention.instruction import Instruction
from services.evaluator.watch import together

MAX_TOKENS = 96  # an answer that follows needs some 60; a small model on a CPU writes all of them each time
STEP = 32  # answers between two lines of progress


class Progress:
    """Counts what the models have done, and lets the report stop it."""

    def __init__(self, what: str, total: int, report: Report) -> None:
        self.what = what
        self.total = total
        self.report = report
        self.done = 0

    def count(self) -> None:
        """One more is done; raises Stopped."""
        self.done += 1
        if self.done % STEP == 0 or self.done == self.total:
            self.report.message(f"[VALIDATE] {self.done}/{self.total} {self.what}", done=self.done, total=self.total)
        self.report.check()


async def ask(engine: Engine, instructions: Sequence[Instruction], progress: Progress) -> list[str]:
    """The answers of one model, in the order of the instructions."""
    return await together([_ask(engine, instruction, progress) for instruction in instructions])


async def _ask(engine: Engine, instruction: Instruction, progress: Progress) -> str:
    question = Message(role="user", content=instruction.request)
    written = await engine.write([question], MAX_TOKENS, temperature=0.0)
    progress.count()
    return written.text
