"""Made-up authors who differ in how often they use each function word, and in their punctuation."""

from __future__ import annotations

from functools import cache

import numpy as np

_FUNCTION_WORDS = (
    "the of and a to in was that with for as had on at by but which not from were all this upon when so there been if "
    "out no said into more some up would who them one what could then than now only over down any very after before"
)
FUNCTION_WORDS = _FUNCTION_WORDS.split()
ENDS = ("ber", "lin", "mot", "ses", "dling")
PARTS = [a + b + c for a in ("bar", "ten", "mil", "sor", "gan") for b in ("a", "e", "o", "ou") for c in ENDS]
WORDS = 200
PROMPTS = 24


def habits(author: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return an author's frequencies of function words and of signs, and the mean length of a sentence."""
    chance = np.random.default_rng(author)
    frequencies = np.exp(chance.normal(0, 0.5, len(FUNCTION_WORDS))) / np.arange(2, len(FUNCTION_WORDS) + 2)
    return frequencies / frequencies.sum(), chance.dirichlet([3] * 4), 8 + 10 * chance.random()


@cache
def write_text(author: int, seed: int, words: int) -> str:
    """Write sentences in one author's style."""
    frequencies, signs, length = habits(author)
    chance = np.random.default_rng((author, seed))
    sentences, total = [], 0
    while total < words:
        count = max(3, int(chance.poisson(length)))
        kinds = chance.random(count) < 0.6
        picked = [str(chance.choice(FUNCTION_WORDS, p=frequencies) if kind else chance.choice(PARTS)) for kind in kinds]
        picked[count // 2] += str(chance.choice([",", ";", " -", ""], p=signs))
        sentences.append(" ".join(picked).capitalize() + ".")
        total += count
    return " ".join(sentences)


def write_passages(author: int, seed: int, count: int = PROMPTS, words: int = WORDS) -> list[str]:
    return [write_text(author, 1000 * seed + number, words) for number in range(count)]
