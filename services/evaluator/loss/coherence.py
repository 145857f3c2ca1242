"""How likely the base model finds what was written: the losses that the coherence gate compares, by log-probabilities.

A passage is read as plain text, without its brief, and its first LONGEST tokens only: enough to tell prose from babble.
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.generation.concurrency import Progress, together
from services.evaluator.generation.vllm_client import Engine
from services.evaluator.voice.inputs import Losses

LONGEST = 256  # tokens


async def measure_losses(
    base: Engine,
    tokenizer: ChatTokenizer,
    hands: tuple[Sequence[str], Sequence[str], Sequence[str]],
    longest: int,
    reporter: Reporter,
) -> Losses:
    """The base's loss (nats per token) of each passage of author, base and tuned model; `longest` in tokens."""
    progress = Progress("passages read for coherence", sum(map(len, hands)), reporter)
    most = min(LONGEST, longest)
    genuine, own, tuned = [
        await together([_read(base, tokenizer.encode_text(text)[:most], progress) for text in texts]) for texts in hands
    ]
    return Losses(genuine=genuine, base=own, tuned=tuned)


async def _read(base: Engine, ids: Sequence[int], progress: Progress) -> float:
    """The mean loss of a text; nothing is easier to foresee than a text without words."""
    found = await base.log_probabilities(ids) if len(ids) > 1 else []
    progress.count()
    return -sum(found) / max(1, len(found))
