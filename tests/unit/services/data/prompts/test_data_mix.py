from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.dataset import CONTINUE_INSTRUCTION
from scriptorium.recipe import Mix, Prompt
from services.data.passage import Passage
from services.data.prompts.mix import FRAME_TOKENS, assign_kinds, assign_prompts

MAX_TOKENS = 4096
MIX: Mix = {"brief": 0.7, "context": 0.2, "continue": 0.1}


def chapter(name: str, count: int, tokens: int = 500) -> list[Passage]:
    """Make passages; each but the first has one before it."""
    texts = [f"{name}, text {number}." for number in range(count)]
    return [
        Passage(text, name, f"{name}, passage {number}", 400, tokens, f"Brief of {text}", stored_before=before)
        for number, (text, before) in enumerate(zip(texts, ["", *texts], strict=False))
    ]


BOOK = [passage for number in range(10) for passage in chapter(f"Chapter {number}", 10)]


@pytest.mark.parametrize("prompt", ["brief", "context", "continue", "mixed"])
def test_only_prompts_are_changed(prompt: Prompt) -> None:
    prompted = assign_prompts(BOOK, prompt, MIX, 1, MAX_TOKENS)
    assert [(passage.text, passage.chapter) for passage in prompted] == [
        (passage.text, passage.chapter) for passage in BOOK
    ]


def test_each_recipe_has_its_own_prompts() -> None:
    assert assign_prompts(BOOK, "brief", MIX, 1, MAX_TOKENS) == BOOK
    assert {passage.prompt for passage in assign_prompts(BOOK, "continue", MIX, 1, MAX_TOKENS)} == {
        CONTINUE_INSTRUCTION
    }
    prompted = assign_prompts(chapter("I", 3), "context", MIX, 1, MAX_TOKENS)
    assert [passage.prompt for passage in prompted] == [
        "Brief of I, text 0.",
        f"{CONTINUE_INSTRUCTION}\n\nI, text 0.",
        f"{CONTINUE_INSTRUCTION}\n\nI, text 1.",
    ]
    assert [passage.kind for passage in prompted] == ["brief", "context", "context"]


def test_a_mix_has_the_shares_of_its_weights_and_depends_on_the_seed() -> None:
    prompted = assign_prompts(BOOK, "mixed", MIX, 1, MAX_TOKENS)
    assert Counter(passage.kind for passage in prompted) == {"brief": 70, "context": 20, "continue": 10}
    assert assign_prompts(BOOK, "mixed", MIX, 1, MAX_TOKENS) == prompted
    assert assign_prompts(BOOK, "mixed", MIX, 2, MAX_TOKENS) != prompted
    equal: Mix = {"context": 2, "continue": 2}
    assert Counter(passage.kind for passage in assign_prompts(BOOK, "mixed", equal, 1, MAX_TOKENS)) == {
        "context": 50,
        "continue": 50,
    }


def test_a_passage_that_does_not_train_is_nobodys_context() -> None:
    first, second, third = chapter("I", 3)
    kinds = [passage.kind for passage in assign_prompts([first, third], "context", MIX, 1, MAX_TOKENS)]
    assert kinds == ["brief", "brief"]
    assert second.before == first.text


def test_no_row_is_longer_than_training_allows() -> None:
    passages = chapter("I", 5, tokens=1000)
    assert all(
        passage.kind == "brief" for passage in assign_prompts(passages, "context", MIX, 1, 2000 + FRAME_TOKENS - 1)
    )
    assert [passage.kind for passage in assign_prompts(passages, "context", MIX, 1, 2000 + FRAME_TOKENS)][1:] == [
        "context"
    ] * 4


weights = st.fixed_dictionaries(
    {"brief": st.floats(0.01, 10), "context": st.floats(0, 10), "continue": st.floats(0, 10)}
)


@given(st.lists(st.booleans(), max_size=60), weights, st.integers(0, 9))
def test_shares_are_exact_to_a_passage(fits_context: list[bool], mix: Mix, seed: int) -> None:
    kinds = assign_kinds(fits_context, mix, seed)
    assert len(kinds) == len(fits_context)
    assert all(fits_context[index] for index, kind in enumerate(kinds) if kind == "context")
    quotas = {kind: weight / sum(mix.values()) * len(fits_context) for kind, weight in mix.items()}
    assert abs(kinds.count("continue") - quotas["continue"]) <= 1
    assert abs(kinds.count("context") - min(quotas["context"], sum(fits_context))) <= 1
