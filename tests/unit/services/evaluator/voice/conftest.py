"""What made-up authors and models wrote, as the inputs of a measurement."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from services.evaluator.voice.inputs import HeldOutPassage, Losses, VoiceImpostor, VoiceInputs
from services.evaluator.voice.measure import LearnedVoice, learn_voice
from services.evaluator.voice.transfer import Scores
from tests.made_up_authors import PARTS, PROMPTS, write_passages

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
