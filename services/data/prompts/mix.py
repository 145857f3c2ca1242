"""The prompt of a training passage: a brief, the passage before it, the instruction to continue, or a draft to rewrite.

The draft is an outline; the trainer may replace it by what the base retells (services/trainer/drafts).

Held-out passages keep their briefs, whatever the recipe says, so that all models are measured in the same way.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count as count_up

from scriptorium.recipe import Mix, Prompt, PromptKind
from scriptorium.rewriting.book_words import BookWords, read_book
from scriptorium.rewriting.outline import write_outline
from scriptorium.rewriting.wording import ask_to_rewrite
from scriptorium.text.languages.language import Language
from services.data.passage import Passage, detect_passage_language

FRAME_TOKENS = 128  # of a row that are neither passage nor context: the chat template's and the instruction's
OUTLINE_SHARE = 0.6  # of a passage's tokens that its outline may have; the longest seen have half of that
FILLED_KINDS: tuple[PromptKind, ...] = ("context", "continue", "rewrite")  # in this order; the rest are briefs


def assign_prompts(
    passages: Sequence[Passage],
    prompt: Prompt,
    mix: Mix,
    seed: int,
    max_tokens: int,
    *,
    language: Language | None = None,
) -> list[Passage]:
    """Return training passages with their prompts, the same for the same seed; a row has at most `max_tokens` tokens.

    A passage keeps its brief if the passage before it does not train, or if its prompt would make the row too long.
    Ready rows keep their own prompts.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    weights: Mix = mix if prompt == "mixed" else {prompt: 1.0}
    lengths = {passage.stored_text: passage.tokens for passage in passages}
    fits_context = [
        lengths.get(passage.stored_before, max_tokens) + passage.tokens + FRAME_TOKENS <= max_tokens
        for passage in passages
    ]
    fits_outline = [(1 + OUTLINE_SHARE) * passage.tokens + FRAME_TOKENS <= max_tokens for passage in passages]
    kinds = assign_kinds({"context": fits_context, "rewrite": fits_outline}, len(passages), weights, seed)
    prompted = [replace(passage, kind=kind) for passage, kind in zip(passages, kinds, strict=True)]
    return [*add_outlines(prompted, language), *ready]


def assign_kinds(fits: Mapping[PromptKind, Sequence[bool]], count: int, weights: Mix, seed: int) -> list[PromptKind]:
    """Return a kind for each of `count` passages, in the shares of the weights; what is left over has a brief.

    A kind in `fits` is only for the passages that it fits.
    """
    left = list(range(count))
    random.Random(seed).shuffle(left)  # noqa: S311  # a repeatable choice, not a secret
    kinds: list[PromptKind] = ["brief"] * count
    for kind in FILLED_KINDS:
        quota = round(weights.get(kind, 0.0) / sum(weights.values()) * count)
        chosen = set([index for index in left if kind not in fits or fits[kind][index]][:quota])
        for index in chosen:
            kinds[index] = kind
        left = [index for index in left if index not in chosen]
    return kinds


def add_outlines(passages: Sequence[Passage], language: Language | None = None) -> list[Passage]:
    """Give each passage of the kind "rewrite" its request with an outline, the wordings in turn.

    A passage without an outline, or with one that is too long, keeps its brief.
    """
    if not any(passage.kind == "rewrite" for passage in passages):
        return list(passages)
    language = language or detect_passage_language(passages)
    book = read_book((passage.text for passage in passages), language)
    wordings = count_up()
    return [add_outline(passage, book, wordings) if passage.kind == "rewrite" else passage for passage in passages]


def add_outline(passage: Passage, book: BookWords, wordings: Iterator[int]) -> Passage:
    """Return a passage with the request to rewrite its outline, or with its brief."""
    outline = write_outline(passage.text, book)
    words = len(outline.split())  # each is followed by a comma
    if not words or words * (passage.tokens / passage.words + 1) > OUTLINE_SHARE * passage.tokens:
        return replace(passage, kind="brief")
    return replace(passage, stored_prompt=ask_to_rewrite(outline, next(wordings)))
