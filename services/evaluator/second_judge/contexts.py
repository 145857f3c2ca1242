"""What the base reads before a passage: an excerpt by the author, one by the base itself, one by another author.

The three have the same number of tokens, so that a passage is not likelier behind one of them only because more text
stands before it. Held-out text is in none of them, and no unseen impostor is.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, cycle, islice, zip_longest

from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.text.words import plain
from services.evaluator.voice.features.chunk import cut_chunks
from services.evaluator.voice.inputs import VoiceInputs

CONTEXT_TOKENS = 256
EXCERPT_WORDS = 250  # at least CONTEXT_TOKENS tokens of them
BETWEEN = "\n\n"  # context and passage


@dataclass(frozen=True)
class Contexts:
    """Token ids of three excerpts of the same length; the passage follows each of them."""

    author: list[int]
    base: list[int]
    impostor: list[int]

    def __iter__(self) -> chain[list[int]]:
        """Iterate in the order of the columns of all readings."""
        return chain([self.author, self.base, self.impostor])


def choose_contexts(
    inputs: VoiceInputs, tokenizer: ChatTokenizer, count: int, tokens: int, seed: int
) -> list[Contexts]:
    """Choose the contexts of `count` briefs, other ones for each as far as there are any."""
    impostors = [_draw_excerpts(impostor.texts, seed) for impostor in inputs.seen_impostors]
    in_turn = [excerpt for round_ in zip_longest(*impostors) for excerpt in round_ if excerpt is not None]
    sources = (_draw_excerpts(inputs.author_train, seed), _draw_excerpts(inputs.base_calibration, seed), in_turn)
    chosen = [list(islice(cycle(source), count)) for source in sources]
    between = tokenizer.encode(BETWEEN)
    return [
        _cut_to_equal([tokenizer.encode_text(text) for text in row], tokens, between)
        for row in zip(*chosen, strict=True)
    ]


def _draw_excerpts(texts: Sequence[str], seed: int) -> list[str]:
    """Cut texts into excerpts, in an order that the seed decides."""
    excerpts = [plain(chunk) for chunk in cut_chunks(texts, EXCERPT_WORDS)]
    return random.Random(seed).sample(excerpts, len(excerpts))  # noqa: S311  # a repeatable choice, not a secret


def _cut_to_equal(excerpts: Sequence[list[int]], tokens: int, between: Sequence[int]) -> Contexts:
    """Cut three excerpts to the length of the shortest, at most `tokens`, and let the separator follow."""
    length = min([tokens, *map(len, excerpts)])
    author, base, impostor = ([*excerpt[:length], *between] for excerpt in excerpts)
    return Contexts(author, base, impostor)
