"""What a person mistypes is answered with what they meant, and never with a regular expression."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from scriptorium.contracts.job import WandbName
from scriptorium.errors import InvalidRecipe, InvalidRequest
from scriptorium.patterns import suggest
from scriptorium.recipe import Recipe, find_recipe, load_recipe, parse_recipe
from scriptorium.recipe_overrides import apply_overrides
from scriptorium.settings import get_settings


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"trianing": {}}, "trianing: there is no such key; did you mean training?"),
        ({"training": {"num_epoch": 5}}, "training.num_epoch: there is no such key; did you mean num_epochs?"),
        ({"data": {"chunking": {"maximun": 9}}}, "data.chunking.maximun: there is no such key; did you mean maximum?"),
        ({"num_epochs": 5}, "num_epochs: there is no such key; did you mean training.num_epochs?"),
        ({"training": {"qqq": 5}}, "training.qqq: there is no such key"),
    ],
)
def test_an_unknown_key_of_a_recipe_is_answered_with_a_known_one(body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        parse_recipe({"name": "mine", **body}, "mine.yaml")
    assert [str(problem) for problem in caught.value.problems] == [message]


def test_so_is_one_in_a_file_and_in_an_override(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\ntraining: {learning_rat: 1.0e-4}\n")
    with pytest.raises(InvalidRecipe, match=r"training\.learning_rat: .* did you mean learning_rate\?"):
        load_recipe(tmp_path / "mine.yaml")
    with pytest.raises(InvalidRecipe, match=r"overrides\.training\.learning_rat: .* did you mean learning_rate\?"):
        apply_overrides(Recipe(name="mine"), {"training": {"learning_rat": 1e-4}})
    with pytest.raises(InvalidRecipe, match=r"did you mean training\?"):
        apply_overrides(Recipe(name="mine"), {"trainin": {}})


def test_so_is_a_recipes_name(project: Path) -> None:
    with pytest.raises(InvalidRecipe, match=r"There is no recipe 'qloar'; did you mean qlora\?"):
        find_recipe("qloar", project / "recipes")
    assert suggest("zzz", ["qlora"]) == ""


def test_a_pattern_is_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidRecipe, match="name: must be 1 to 40 small letters") as caught:
        parse_recipe({"name": "My Recipe"}, "x")
    assert "[a-z" not in str(caught.value)
    with pytest.raises(ValidationError, match="must be a name without"):
        TypeAdapter(WandbName).validate_python("a/b")
    monkeypatch.setenv("SCRIPTORIUM_GPUS", "zero")
    monkeypatch.setenv("SCRIPTORIUM_CHAT_POLICY", "25-99")
    get_settings.cache_clear()
    with pytest.raises(InvalidRequest) as refused:
        get_settings()
    assert "SCRIPTORIUM_GPUS: must be whole numbers with commas, such as 0,1" in str(refused.value)
    assert "SCRIPTORIUM_CHAT_POLICY: must be training, chat, or hours such as 22-7" in str(refused.value)


@pytest.mark.parametrize("text", ["0", "0,1", " 0 , 1 ", ""])
def test_what_matches_passes(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SCRIPTORIUM_GPUS", text)
    get_settings.cache_clear()
    assert get_settings().gpus == text
    get_settings.cache_clear()
