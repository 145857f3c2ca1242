"""The losses that the coherence gate compares: how likely the base model finds the passages of author and models.

A passage is scored as plain text, without its brief, and only its first MAX_TOKENS tokens: enough to tell prose from
babble.
"""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer
from services.evaluator.generation.concurrency import Progress, run_concurrently
from services.evaluator.generation.vllm_client import VllmClient
from services.evaluator.voice.inputs import Losses

MAX_TOKENS = 256  # of a passage


async def measure_losses(
    base: VllmClient,
    tokenizer: ChatTokenizer,
    passages: tuple[Sequence[str], Sequence[str], Sequence[str]],
    max_tokens: int,
    reporter: Reporter,
) -> Losses:
    """Return the base's loss (nats per token) of each passage of the author, the base and the tuned model.

    `max_tokens` is what the engine can read at once.
    """
    progress = Progress("passages read for coherence", sum(map(len, passages)), reporter)
    limit = min(MAX_TOKENS, max_tokens)
    genuine, base_losses, tuned_losses = [
        await run_concurrently([_mean_loss(base, tokenizer.encode_text(text)[:limit], progress) for text in texts])
        for texts in passages
    ]
    return Losses(genuine=genuine, base=base_losses, tuned=tuned_losses)


async def _mean_loss(base: VllmClient, ids: Sequence[int], progress: Progress) -> float:
    """Return the mean loss of a text; it is 0 if the text has fewer than two tokens."""
    log_probabilities = await base.log_probabilities(ids) if len(ids) > 1 else []
    progress.count()
    return -sum(log_probabilities) / max(1, len(log_probabilities))
