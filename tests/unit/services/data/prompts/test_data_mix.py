from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.dataset import CONTINUE_INSTRUCTION
from scriptorium.recipe import Mix, Prompt
from scriptorium.rewriting.wording import REWRITE_INSTRUCTIONS
from scriptorium.text.quotation import join_words, quotes_passage
from scriptorium.text.words import COMPOUND_WORD
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
    {"brief": st.floats(0.01, 10), "context": st.floats(0, 10), "continue": st.floats(0, 10), "rewrite": st.just(0.0)}
)


@given(st.lists(st.booleans(), max_size=60), weights, st.floats(0, 10), st.integers(0, 9))
def test_shares_are_exact_to_a_passage(fits: list[bool], mix: Mix, rewrite: float, seed: int) -> None:
    mix = {**mix, "rewrite": rewrite}
    kinds = assign_kinds({"context": fits, "rewrite": fits}, len(fits), mix, seed)
    assert len(kinds) == len(fits)
    assert all(fits[index] for index, kind in enumerate(kinds) if kind in ("context", "rewrite"))
    quotas = {kind: weight / sum(mix.values()) * len(fits) for kind, weight in mix.items()}
    context = kinds.count("context")
    assert abs(context - min(quotas["context"], sum(fits))) <= 1
    assert abs(kinds.count("continue") - min(quotas["continue"], len(fits) - context)) <= 1
    free = sum(fits[index] for index, kind in enumerate(kinds) if kind in ("brief", "rewrite"))
    assert abs(kinds.count("rewrite") - min(quotas["rewrite"], free)) <= 1


STORY = (
    "Tarzan waited in the branches. Below him Kala turned over a rotten log. Then Sabor crept out of the grass.\n\n"
    "The ape screamed. At once Tarzan dropped with his knife, and Sabor fled. Later Kala slept beside the {} water."
)


def stories(count: int = 40, tokens: int = 120) -> list[Passage]:
    colours = ["amber", "brown", "crimson", "golden"]
    texts = [STORY.format(colours[number % 4]) for number in range(count)]
    others = ["and the sea was calm, said Jane, for hours."] * 9 * count  # so that the story's words are rare
    return [
        *(Passage(text, "I", f"I, passage {n}", 40, tokens, f"Brief {n}") for n, text in enumerate(texts[:4])),
        *(Passage(text, "II", f"II, passage {n}", 9, tokens, f"Other {n}") for n, text in enumerate(others[:40])),
    ]


def test_a_passage_to_rewrite_shows_an_outline_of_itself_and_the_wordings_take_turns() -> None:
    book = stories()
    prompted = assign_prompts(book, "rewrite", MIX, 1, MAX_TOKENS)[:4]
    assert [passage.kind for passage in prompted] == ["rewrite"] * 4
    instructions, drafts = zip(*(passage.prompt.split("\n\n") for passage in prompted), strict=True)
    assert len({*instructions}) == 4 < len(REWRITE_INSTRUCTIONS)
    assert {*instructions} <= {*REWRITE_INSTRUCTIONS}
    for passage, draft in zip(prompted, drafts, strict=True):
        first, second = draft.split("\n")
        assert first.startswith("Tarzan, Kala, Sabor: ")
        assert "rotten" in first
        assert "knife" in second
        assert not quotes_passage(passage.prompt, join_words(COMPOUND_WORD.findall(passage.text)))
    assert prompted == assign_prompts(book, "rewrite", MIX, 1, MAX_TOKENS)[:4]


def test_a_passage_whose_outline_would_not_fit_keeps_its_brief() -> None:
    book = stories()
    limit = round(1.6 * 120) + FRAME_TOKENS
    assert assign_prompts(book, "rewrite", MIX, 1, limit - 1) == book
    assert {passage.kind for passage in assign_prompts(book, "rewrite", MIX, 1, limit)[:4]} == {"rewrite"}
    wordless = [replace(passage, stored_text="...", words=1) for passage in book]
    assert assign_prompts(wordless, "rewrite", MIX, 1, limit) == wordless
