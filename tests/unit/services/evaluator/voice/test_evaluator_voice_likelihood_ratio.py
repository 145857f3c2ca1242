import numpy as np
import pytest

from services.evaluator.voice.likelihood_ratio import ORDER, Grammar


def test_probabilities_of_a_grammar_add_up():
    chance = np.random.default_rng(0)
    start = [0] * (ORDER - 1)
    grammar = Grammar([np.array([*start, *chance.integers(1, 6, 200)])], 6)
    for context in ([0, 0, 0], [1, 2, 3], [5, 5, 5]):
        probabilities = [np.exp(grammar.score(np.array([*start, *context, token]))[-1]) for token in range(6)]
        assert sum(probabilities) == pytest.approx(1)


def test_a_grammar_prefers_the_text_that_it_has_learned():
    ids = np.array([0, 0, 0, *([1, 2, 3, 4] * 20)])
    grammar = Grammar([ids], 5)
    assert grammar.score(ids).mean() > grammar.score(np.array([0, 0, 0, *([4, 2, 1, 3] * 20)])).mean() + 1
