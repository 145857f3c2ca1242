"""The size of a dataset: counted, from passages, or from words."""

from pathlib import Path

import pytest

from scriptorium.contracts import TokenStatistics
from scriptorium.planning.dataset_size import DatasetSize, size_of_passages, size_of_rows, size_of_words
from scriptorium.recipe import Recipe, load_recipe


def test_counted_rows() -> None:
    size = size_of_rows([100, 300], [50, 250], dev_rows=1)
    assert (size.rows, size.tokens, size.longest_row, size.answer_tokens, size.mean_row) == (2, 400, 300, 300, 200)


@pytest.mark.parametrize(("recipe", "rows"), [("qlora", 41), ("lora", 104)])
def test_the_words_of_the_seeds_book(recipe: str, rows: int, project: Path) -> None:
    """63,000 words made 41 and 104 rows."""
    loaded = load_recipe(project / "recipes" / f"{recipe}.yaml")
    size = size_of_words(63_000, loaded, "words")
    assert size.rows - size.replay_rows == pytest.approx(rows, rel=0.08)


def test_a_prompt_with_context_holds_the_passage_before() -> None:
    """ "Tarzan of the Apes", prepared: rows of 727 and of 633 tokens around passages of 540, of at most 660."""
    train = TokenStatistics(examples=144, mean=539.7, minimum=438, maximum=660, total=77_713)
    mix = {"brief": 0.7, "context": 0.2, "continue": 0.1}
    training = {"keep": 0}
    mixed = Recipe.model_validate({"name": "m", "data": {"prompt": "mixed", "mix": mix}, "training": training})
    brief = Recipe.model_validate({"name": "b", "data": {"prompt": "brief"}, "training": training})
    size = size_of_passages(train, None, mixed, "job")
    assert size.mean_row == pytest.approx(727, rel=0.03)
    assert size.longest_row == pytest.approx(1266, rel=0.15)
    assert size_of_passages(train, None, brief, "job").mean_row == pytest.approx(633, rel=0.01)


def test_rows_that_are_packed_or_padded() -> None:
    size = DatasetSize(rows=100, tokens=65_000, longest_row=950, answer_tokens=60_000)
    assert size.packed_rows(4096) == 17
    assert size.padded_row(1) == 650
    assert size.padded_row(2) == 750


def test_a_size_before_training_has_the_answers_that_will_be_replayed() -> None:
    recipes = [Recipe.model_validate({"name": "r", "training": {"keep": keep}}) for keep in (0.2, 0)]
    replayed, plain = [size_of_words(60_000, recipe, "a book") for recipe in recipes]
    assert replayed.replay_tokens == pytest.approx(0.2 * replayed.answer_tokens, abs=1)
    assert replayed.answer_tokens - replayed.replay_tokens == plain.answer_tokens
    assert replayed.rows - replayed.replay_rows == plain.rows == replayed.replay_rows  # four short ones for a passage
    assert replayed.tokens == plain.tokens + replayed.replay_tokens + 40 * replayed.replay_rows
    assert (replayed.basis, plain.basis) == ("a book; 20% of the trained tokens replayed", "a book")
    assert plain.replay_rows == plain.replay_tokens == 0
