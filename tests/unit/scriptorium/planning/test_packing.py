"""How many rows are left once they are packed; a test inside Axolotl compares the count with its own sampler's."""

from hypothesis import given
from hypothesis import strategies as st

from scriptorium.planning.packing import ROWS_IN_PACKED_ROW, count_packed_rows, count_rows
from scriptorium.recipe import Training


def test_rows_share_a_packed_row_in_their_order() -> None:
    assert count_packed_rows([6, 5, 4, 5], 10) == 2
    assert count_packed_rows([5, 6, 5, 4], 10) == 2
    assert count_packed_rows([4, 5, 6, 5], 10) == 3  # first fit is not the best fit
    assert count_packed_rows([10, 10], 10) == 2
    assert count_packed_rows([], 10) == 0


def test_a_packed_row_has_no_more_than_so_many_rows() -> None:
    assert count_packed_rows([1] * (2 * ROWS_IN_PACKED_ROW + 1), 4096) == 3


@given(st.lists(st.integers(1, 100), max_size=60), st.integers(100, 400))
def test_every_row_has_a_place(lengths: list[int], capacity: int) -> None:
    packed = count_packed_rows(lengths, capacity)
    assert sum(lengths) <= packed * capacity
    assert packed <= len(lengths)


def test_a_micro_batch_of_packed_rows_is_one_long_one() -> None:
    lengths = [600] * 12
    assert count_rows(Training(sequence_len=2048), lengths) == 12
    assert count_rows(Training(sequence_len=2048, sample_packing=True), lengths) == 4
    assert count_rows(Training(sequence_len=2048, sample_packing=True, micro_batch_size=2), lengths) == 4
    assert count_rows(Training(sequence_len=2048, sample_packing=True, micro_batch_size="auto"), lengths) == 4
