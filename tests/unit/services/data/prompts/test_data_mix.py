from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.dataset import CONTINUE
from scriptorium.recipe import Mix, Prompt
from services.data.passage import Passage
from services.data.prompts.mix import FRAME, ask_training, deal_kinds

ROOM = 4096
MIX: Mix = {"brief": 0.7, "context": 0.2, "continue": 0.1}


def chapter(name: str, count: int, tokens: int = 500) -> list[Passage]:
    """Passages of which each but the first has one before it."""
    texts = [f"{name}, text {number}." for number in range(count)]
    return [
        Passage(text, name, f"{name}, passage {number}", 400, tokens, f"Brief of {text}", earlier=before)
        for number, (text, before) in enumerate(zip(texts, ["", *texts], strict=False))
    ]


BOOK = [passage for number in range(10) for passage in chapter(f"Chapter {number}", 10)]


@pytest.mark.parametrize("prompt", ["brief", "context", "continue", "mixed"])
def test_only_what_asks_is_changed(prompt: Prompt) -> None:
    asked = ask_training(BOOK, prompt, MIX, 1, ROOM)
    assert [(passage.text, passage.chapter) for passage in asked] == [(each.text, each.chapter) for each in BOOK]


def test_each_recipe_asks_in_its_own_way() -> None:
    assert ask_training(BOOK, "brief", MIX, 1, ROOM) == BOOK
    assert {passage.prompt for passage in ask_training(BOOK, "continue", MIX, 1, ROOM)} == {CONTINUE}
    asked = ask_training(chapter("I", 3), "context", MIX, 1, ROOM)
    assert [passage.prompt for passage in asked] == [
        "Brief of I, text 0.",
        f"{CONTINUE}\n\nI, text 0.",
        f"{CONTINUE}\n\nI, text 1.",
    ]
    assert [passage.kind for passage in asked] == ["brief", "context", "context"]


def test_a_mixture_has_the_weights_shares_and_the_seed_deals() -> None:
    asked = ask_training(BOOK, "mixed", MIX, 1, ROOM)
    assert Counter(passage.kind for passage in asked) == {"brief": 70, "context": 20, "continue": 10}
    assert ask_training(BOOK, "mixed", MIX, 1, ROOM) == asked
    assert ask_training(BOOK, "mixed", MIX, 2, ROOM) != asked
    weighed: Mix = {"context": 2, "continue": 2}
    assert Counter(each.kind for each in ask_training(BOOK, "mixed", weighed, 1, ROOM)) == {
        "context": 50,
        "continue": 50,
    }


def test_a_passage_that_does_not_train_is_nobodys_context() -> None:
    first, second, third = chapter("I", 3)
    kinds = [passage.kind for passage in ask_training([first, third], "context", MIX, 1, ROOM)]
    assert kinds == ["brief", "brief"]
    assert second.before == first.text


def test_no_row_is_longer_than_training_takes() -> None:
    held = chapter("I", 5, tokens=1000)
    assert all(passage.kind == "brief" for passage in ask_training(held, "context", MIX, 1, 2000 + FRAME - 1))
    assert [passage.kind for passage in ask_training(held, "context", MIX, 1, 2000 + FRAME)][1:] == ["context"] * 4


weights = st.fixed_dictionaries(
    {"brief": st.floats(0.01, 10), "context": st.floats(0, 10), "continue": st.floats(0, 10)}
)


@given(st.lists(st.booleans(), max_size=60), weights, st.integers(0, 9))
def test_shares_are_met_to_a_passage(able: list[bool], mix: Mix, seed: int) -> None:
    kinds = deal_kinds(able, mix, seed)
    assert len(kinds) == len(able)
    assert all(able[index] for index, kind in enumerate(kinds) if kind == "context")
    wanted = {kind: weight / sum(mix.values()) * len(able) for kind, weight in mix.items()}
    assert abs(kinds.count("continue") - wanted["continue"]) <= 1
    assert abs(kinds.count("context") - min(wanted["context"], sum(able))) <= 1
