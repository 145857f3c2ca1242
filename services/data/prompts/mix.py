"""The prompt of a training passage: a brief, the passage before it, or only the instruction to continue.

Held-out passages keep their briefs, whatever the recipe says, so that all models are measured in the same way.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from scriptorium.recipe import Mix, Prompt, PromptKind
from services.data.passage import Passage

FRAME_TOKENS = 128  # of a row that are neither passage nor context: the chat template's and the instruction's


def assign_prompts(passages: Sequence[Passage], prompt: Prompt, mix: Mix, seed: int, max_tokens: int) -> list[Passage]:
    """Return training passages with their prompts, the same for the same seed; a row has at most `max_tokens` tokens.

    A passage keeps its brief if the passage before it does not train or would make the row too long. Ready rows keep
    their own prompts.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    weights: Mix = mix if prompt == "mixed" else {prompt: 1.0}
    lengths = {passage.stored_text: passage.tokens for passage in passages}
    fits_context = [
        lengths.get(passage.stored_before, max_tokens) + passage.tokens + FRAME_TOKENS <= max_tokens
        for passage in passages
    ]
    kinds = assign_kinds(fits_context, weights, seed)
    return [*(replace(passage, kind=kind) for passage, kind in zip(passages, kinds, strict=True)), *ready]


def assign_kinds(fits_context: Sequence[bool], weights: Mix, seed: int) -> list[PromptKind]:
    """Return a kind for each passage, in the shares of the weights; "context" only for passages that it fits."""
    order = list(range(len(fits_context)))
    random.Random(seed).shuffle(order)  # noqa: S311  # a repeatable choice, not a secret
    share = {kind: weight / sum(weights.values()) for kind, weight in weights.items()}
    quotas = {kind: round(share.get(kind, 0.0) * len(order)) for kind in ("context", "continue")}
    context = [index for index in order if fits_context[index]][: quotas["context"]]
    with_context = set(context)
    rest = [index for index in order if index not in with_context]
    kinds: list[PromptKind] = ["brief"] * len(order)
    for index in context:
        kinds[index] = "context"
    for index in rest[: quotas["continue"]]:
        kinds[index] = "continue"
    return kinds
