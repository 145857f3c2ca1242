"""Made-up authors who differ in how often they use each function word, and in their punctuation."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from services.evaluator.voice.inputs import HeldOutPassage, Losses, VoiceImpostor, VoiceInputs
from services.evaluator.voice.measure import LearnedVoice, learn_voice
from services.evaluator.voice.transfer import Scores

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


AUTHOR, BASE = 1, 2


@pytest.fixture(scope="session")
def write() -> Callable[..., list[str]]:
    return write_passages


@pytest.fixture(scope="session")
def inputs() -> VoiceInputs:
    """The tuned model writes like the author; genuine and tuned text are as likely to the base."""
    genuine = write_passages(AUTHOR, 2)
    losses = tuple(np.random.default_rng(0).normal(3.8, 0.2, PROMPTS))
    return VoiceInputs(
        author_train=write_passages(AUTHOR, 1, 60),
        held_out=[
            HeldOutPassage(text, f"Write of {PARTS[n]} and {PARTS[-n]}.", f"Chapter {n % 3}")
            for n, text in enumerate(genuine)
        ],
        base=write_passages(BASE, 2),
        tuned=write_passages(AUTHOR, 3),
        base_calibration=write_passages(BASE, 1, 30),
        seen_impostors=[VoiceImpostor(f"seen {n}", write_passages(10 + n, 1, 12)) for n in range(3)],
        unseen_impostors=[VoiceImpostor(f"unseen {n}", write_passages(20 + n, 1, 12), alike=True) for n in range(4)],
        losses=Losses(losses, losses, losses),
    )


@pytest.fixture(scope="session")
def learned(inputs: VoiceInputs) -> LearnedVoice:
    return learn_voice(inputs)


@pytest.fixture
def make_scores() -> Callable[..., Scores]:
    """Make scores with the base at 0, the author at 1 of every score, and the tuned model at `center`."""

    def make(center: float, seed: int = 0, noise: float = 0.5, prompts: int = 48) -> Scores:
        chance = np.random.default_rng(seed)
        return Scores(*(mean + noise * chance.normal(size=(prompts, 3)) for mean in (1, 0, center)))

    return make
