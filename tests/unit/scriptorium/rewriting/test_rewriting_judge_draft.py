"""A draft is refused for each thing that is wrong with it, and only then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.rewriting.book_words import BookWords
from scriptorium.rewriting.judge_draft import Refusal, judge_draft
from scriptorium.rewriting.wording import REWRITE_INSTRUCTIONS, ask_to_rewrite, replace_draft
from scriptorium.text.languages.language import ENGLISH

EVENTS = ["crouched", "sprang", "river", "monkeys", "chattered", "sunset", "knife", "wounded", "valley", "shelter"]
NAMES = ["Kala", "Sabor", "Tarzan", "Numa"]
BOOK = BookWords(frozenset(NAMES), {"then": 90, "with": 90}, 100, ENGLISH)
PASSAGE = " ".join(f"{name}, {event} then it" for name, event in zip([*NAMES, *NAMES, "it", "it"], EVENTS, strict=True))


def tell(events: list[str], names: list[str] = NAMES) -> str:
    """Tell events in other words than the passage."""
    return f"{', '.join(names)} and so it was: " + " as it is ".join(events)


def judge(draft: str, passage: str = PASSAGE, *, ended: bool = True) -> Refusal | None:
    return judge_draft(passage, draft, BOOK, ended=ended)


def test_a_draft_in_other_words_in_the_same_order_is_good() -> None:
    assert judge(tell(EVENTS)) is None
    assert judge(tell([f"{event}s" for event in EVENTS])) is None  # stems count


@pytest.mark.parametrize(
    ("draft", "refusal"),
    [
        ("", "length"),
        (tell(EVENTS[:2]), "length"),
        (tell(EVENTS * 2), "length"),
        (PASSAGE, "quotes"),
        (tell(EVENTS, NAMES[:2]), "names"),
        (tell(EVENTS[:1] * 5), "content"),
        (tell(EVENTS[::-1]), "order"),
    ],
)
def test_what_is_wrong_is_named(draft: str, refusal: Refusal) -> None:
    assert judge(draft) == refusal


def test_a_draft_that_was_cut_off_is_refused_and_a_minor_name_may_be_missing() -> None:
    assert judge(tell(EVENTS), ended=False) == "unfinished"
    assert judge(tell(EVENTS, NAMES[:3])) is None


@given(st.lists(st.sampled_from([*NAMES, *EVENTS, "then", "with", "it"]), min_size=6, max_size=60))
def test_no_passage_is_a_draft_of_itself(words: list[str]) -> None:
    assert judge(" ".join(words), " ".join(words)) == "quotes"


@given(st.integers(0, 99), st.integers(0, 2))
def test_a_few_events_in_another_place_do_no_harm_but_shuffled_ones_do(seed: int, swaps: int) -> None:
    events = list(EVENTS)
    for swap in range(swaps):
        at = (seed + 3 * swap) % (len(events) - 1)
        events[at], events[at + 1] = events[at + 1], events[at]
    assert judge(tell(events)) is None
    assert judge(tell([*EVENTS[5:][::-1], *EVENTS[:5][::-1]])) == "order"


@given(st.text(), st.text(), st.integers(0, 9))
def test_a_request_keeps_its_instruction_when_the_draft_is_replaced(first: str, second: str, wording: int) -> None:
    request = ask_to_rewrite(first, wording)
    assert replace_draft(request, second) == ask_to_rewrite(second, wording)


def test_the_wordings_differ_and_none_has_a_blank_line() -> None:
    assert len({*REWRITE_INSTRUCTIONS}) == len(REWRITE_INSTRUCTIONS) >= 5
    assert not any("\n" in instruction for instruction in REWRITE_INSTRUCTIONS)
