"""What asks for a training passage: a brief, the passage before it, or nothing but to continue.

Held-out passages keep their briefs, whatever the recipe says, so that every model is measured alike.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from scriptorium.recipe import Mix, Prompt, PromptKind
from services.data.passage import Passage

FRAME = 128  # tokens of a row that are neither passage nor context: the template's and the instruction's


def ask_training(passages: Sequence[Passage], prompt: Prompt, mix: Mix, seed: int, room: int) -> list[Passage]:
    """Training passages with what asks for them; the same seed deals the same. A row has at most `room` tokens.

    A passage without another one before it in training, or without room for it, keeps its brief; one that came ready
    keeps its own prompt.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    weights: Mix = mix if prompt == "mixed" else {prompt: 1.0}
    lengths = {passage.whole: passage.tokens for passage in passages}
    able = [lengths.get(passage.earlier, room) + passage.tokens + FRAME <= room for passage in passages]
    kinds = deal_kinds(able, weights, seed)
    return [*(replace(passage, kind=kind) for passage, kind in zip(passages, kinds, strict=True)), *ready]


def deal_kinds(able: Sequence[bool], weights: Mix, seed: int) -> list[PromptKind]:
    """A kind for each passage, in shares as the weights say; "context" only for those that are able to have one."""
    order = list(range(len(able)))
    random.Random(seed).shuffle(order)  # noqa: S311  # a repeatable choice, not a secret
    share = {kind: weight / sum(weights.values()) for kind, weight in weights.items()}
    wanted = {kind: round(share.get(kind, 0.0) * len(order)) for kind in ("context", "continue")}
    context = [index for index in order if able[index]][: wanted["context"]]
    taken = set(context)
    rest = [index for index in order if index not in taken]
    kinds: list[PromptKind] = ["brief"] * len(order)
    for index in context:
        kinds[index] = "context"
    for index in rest[: wanted["continue"]]:
        kinds[index] = "continue"
    return kinds
