"""Made-up authors who differ in how often they use which small word, and in their punctuation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from services.evaluator.voice.inputs import Impostor, Losses, Material, Passage
from services.evaluator.voice.measure import Learned, learn_voice

_SMALL = (
    "the of and a to in was that with for as had on at by but which not from were all this upon when so there been if "
    "out no said into more some up would who them one what could then than now only over down any very after before"
)
SMALL = _SMALL.split()
ENDS = ("ber", "lin", "mot", "ses", "dling")
PARTS = [a + b + c for a in ("bar", "ten", "mil", "sor", "gan") for b in ("a", "e", "o", "ou") for c in ENDS]
WORDS = 200
PROMPTS = 24


def habits(author: int) -> tuple[np.ndarray, np.ndarray, float]:
    chance = np.random.default_rng(author)
    small = np.exp(chance.normal(0, 0.5, len(SMALL))) / np.arange(2, len(SMALL) + 2)
    return small / small.sum(), chance.dirichlet([3] * 4), 8 + 10 * chance.random()


@cache
def told(author: int, seed: int, words: int) -> str:
    """Sentences in one author's hand."""
    small, signs, length = habits(author)
    chance = np.random.default_rng((author, seed))
    sentences, total = [], 0
    while total < words:
        count = max(3, int(chance.poisson(length)))
        kinds = chance.random(count) < 0.6
        picked = [str(chance.choice(SMALL, p=small) if kind else chance.choice(PARTS)) for kind in kinds]
        picked[count // 2] += str(chance.choice([",", ";", " -", ""], p=signs))
        sentences.append(" ".join(picked).capitalize() + ".")
        total += count
    return " ".join(sentences)


def passages(author: int, seed: int, count: int = PROMPTS, words: int = WORDS) -> list[str]:
    return [told(author, 1000 * seed + number, words) for number in range(count)]


AUTHOR, BASE = 1, 2


@pytest.fixture(scope="session")
def write() -> Callable[..., list[str]]:
    return passages


@pytest.fixture(scope="session")
def material() -> Material:
    """The tuned model writes like the author; genuine and tuned text are as likely to the base."""
    genuine = passages(AUTHOR, 2)
    likely = tuple(np.random.default_rng(0).normal(3.8, 0.2, PROMPTS))
    return Material(
        author_train=passages(AUTHOR, 1, 60),
        held_out=[
            Passage(text, f"Write of {PARTS[n]} and {PARTS[-n]}.", f"Chapter {n % 3}") for n, text in enumerate(genuine)
        ],
        base=passages(BASE, 2),
        tuned=passages(AUTHOR, 3),
        base_calibration=passages(BASE, 1, 30),
        seen=[Impostor(f"seen {n}", passages(10 + n, 1, 12)) for n in range(3)],
        unseen=[Impostor(f"unseen {n}", passages(20 + n, 1, 12), alike=True) for n in range(4)],
        losses=Losses(likely, likely, likely),
    )


@pytest.fixture(scope="session")
def learned(material: Material) -> Learned:
    return learn_voice(material)
