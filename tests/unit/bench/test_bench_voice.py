"""Calibrated cheats: colder text has fewer different words, and the degree that matches genuine text is taken."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

import pytest

from bench import voice
from bench.voice_texts import NOVELS, babble, blur, learn_pairs, read_author, salad
from scriptorium.text.languages.detect import detect_language
from services.evaluator.voice.features.chunk import cut_chunks
from services.evaluator.voice.inputs import Losses
from tests.made_up_authors import write_passages

TRAIN = write_passages(1, 1, 6)


@pytest.mark.parametrize("cheat", ["salad", "babble"])
def test_colder_text_has_fewer_different_words(cheat: str) -> None:
    def distinct(temperature: float) -> int:
        chance = random.Random(1)  # noqa: S311  # no secret
        if cheat == "salad":
            return len(set(salad(TRAIN, 300, chance, temperature).split()))
        return len(set(babble(learn_pairs(TRAIN), 300, chance, temperature).split()))

    assert distinct(0.2) < distinct(0.5) < distinct(1.0)


@pytest.mark.parametrize(("share", "changed"), [(0.0, 0), (0.5, 100), (1.0, 200)])
def test_a_share_of_the_words_is_replaced(share: float, changed: int) -> None:
    chance = random.Random(1)  # noqa: S311  # no secret
    words = blur("same " * 200, TRAIN, share, chance).split()
    assert len(words) == 200
    assert sum(word != "same" for word in words) == pytest.approx(changed, abs=20)


def test_the_degree_whose_loss_is_that_of_genuine_text_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(genuine: Sequence[str], written: Mapping[str, Sequence[str]]) -> dict[str, Losses]:
        """Let the loss be five times the degree; genuine text has 2.2."""
        return {name: Losses([2.2] * 8, [], [5 * float(name.split()[-1])] * 8) for name in written}

    monkeypatch.setattr(voice, "read_losses", read)
    monkeypatch.setattr(voice, "PROMPTS", 3)
    corpus = voice.BenchCorpus("anon", TRAIN, [], [], [], [], [], NOVELS["en"])
    chosen = voice.calibrate_cheats(corpus, TRAIN, TRAIN)
    assert set(chosen) <= voice.REJECTED
    expected = babble_at(0.45)
    assert len(set(" ".join(chosen["calibrated babble"]).split())) == pytest.approx(expected, rel=0.25)
    assert [len(texts) for texts in chosen.values()] == [3, 3, 3]


def babble_at(temperature: float) -> int:
    """Count the different words of three passages of babble."""
    chance = random.Random(3)  # noqa: S311  # no secret
    texts = [babble(learn_pairs(TRAIN), voice.CHUNK, chance, temperature) for _ in range(3)]
    return len(set(" ".join(texts).split()))


def test_shipped_novels_are_french_and_enough_for_an_impostor() -> None:
    names = [name for name in NOVELS["fr"].authors if name not in NOVELS["fr"].targets]
    assert len(names) >= 6  # with the other target seven, of which four are unseen
    for patterns in (*(NOVELS["fr"].authors[name] for name in names), NOVELS["fr"].base):
        text = read_author(patterns)
        assert detect_language(text[:5000]) == "fr"
        assert len(cut_chunks([text])) >= 40


def test_babble_begins_with_the_language_s_article() -> None:
    pairs = learn_pairs(["le roi dort et le roi rit , le roi"])
    assert babble(pairs, 5, random.Random(1), article="le").startswith("Le ")  # noqa: S311  # no secret
