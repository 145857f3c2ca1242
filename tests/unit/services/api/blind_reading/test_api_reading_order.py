"""A reader's order: the same every time, balanced, and unpredictable without the seed."""

from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.api.blind_reading.order import MAX_PASSAGES, plan_turns

SEEDS = st.text("0123456789abcdef", min_size=32, max_size=32)
PASSAGE_LISTS = st.lists(st.integers(0, 500), unique=True, max_size=40)


@given(SEEDS, st.text(max_size=20), PASSAGE_LISTS)
def test_an_order_is_balanced_and_shows_each_pair_once(seed: str, reader: str, passages: list[int]) -> None:
    turns = plan_turns(seed, reader, passages)
    shown = [turn.passage for turn in turns]
    assert len(set(shown)) == len(shown) == min(MAX_PASSAGES, len(passages))
    assert set(shown) <= set(passages)
    assert abs(2 * sum(turn.tuned_first for turn in turns) - len(turns)) <= 1


@given(SEEDS, st.text(max_size=20), PASSAGE_LISTS)
def test_an_order_is_always_the_same(seed: str, reader: str, passages: list[int]) -> None:
    assert plan_turns(seed, reader, passages) == plan_turns(seed, reader, passages[::-1])


def test_another_seed_or_reader_has_another_order() -> None:
    turn_lists = [
        tuple(plan_turns(seed, reader, range(12))) for seed in ("a", "b", "c") for reader in ("Ann", "Bob", "Cid")
    ]
    assert len(set(turn_lists)) == len(turn_lists)


def test_over_many_seeds_nothing_can_be_guessed() -> None:
    """Every pair is first as often, and tuned is A as often, alone and right after another tuned A."""
    first_counts, tuned_counts, tuned_after_tuned = Counter[int](), Counter[int](), []
    for seed in map(str, range(2000)):
        turns = plan_turns(seed, "Ann", range(7))
        first_counts[turns[0].passage] += 1
        tuned_counts.update(turn.passage for turn in turns if turn.tuned_first)
        tuned_after_tuned += [later.tuned_first for turn, later in pairwise(turns) if turn.tuned_first]
    assert all(200 < first_counts[passage] < 372 for passage in range(7))  # 286 expected, five standard deviations
    assert all(888 < tuned_counts[passage] < 1112 for passage in range(7))  # 1000 expected, five standard deviations
    assert (
        0.4 < sum(tuned_after_tuned) / len(tuned_after_tuned) < 0.5
    )  # 3/7 of the time: half of the pairs, less the one before


def test_many_pairs_are_shared_out_among_readers() -> None:
    counts = Counter(turn.passage for reader in range(50) for turn in plan_turns("a", str(reader), range(48)))
    assert len(counts) == 48
