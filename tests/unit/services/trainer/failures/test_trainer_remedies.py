"""The ladder of what helps against a lack of memory."""

from hypothesis import given
from hypothesis import strategies as st

from scriptorium.recipe import ResolvedTraining
from services.trainer.failures.remedies import LADDER_KEYS, batch_remedy, rank_remedy, sequence_remedy


@given(st.integers(1, 64), st.integers(1, 64), st.booleans())
def test_the_effective_batch_stays_the_same_down_to_one_row(batch: int, accumulation: int, recompute: bool) -> None:
    training = ResolvedTraining(
        micro_batch_size=batch, gradient_accumulation_steps=accumulation, gradient_checkpointing=recompute
    )
    for _ in range(8):
        remedies = batch_remedy(training)
        if not remedies:
            break
        training = training.model_copy(update=remedies[0].changes)
        assert training.micro_batch_size * training.gradient_accumulation_steps == batch * accumulation
    assert (training.micro_batch_size, training.gradient_checkpointing) == (1, True)


def test_recomputation_alone_helps_if_rows_go_one_at_a_time() -> None:
    (option,) = batch_remedy(ResolvedTraining(gradient_checkpointing=False))
    assert (option.name, option.changes["gradient_checkpointing"]) == ("recompute", True)


@given(st.integers(1, 4096))
def test_no_row_is_cut(longest: int) -> None:
    training = ResolvedTraining(sample_packing=True, gradient_accumulation_steps=4)
    lengths = [training.sequence_len]
    while remedies := sequence_remedy(training, longest):
        training = training.model_copy(update=remedies[0].changes)
        lengths.append(training.sequence_len)
        assert longest <= training.sequence_len < lengths[-2]
    assert training.sequence_len < max(longest + 64, 129)


def test_shorter_packed_rows_keep_the_tokens_of_an_update() -> None:
    (option,) = sequence_remedy(ResolvedTraining(sample_packing=True, gradient_accumulation_steps=4), 1480)
    assert (option.changes["sequence_len"], option.changes["gradient_accumulation_steps"]) == (2048, 8)
    assert "the longest has 1,480" in option.meaning


def test_rows_that_are_not_packed_are_not_padded_and_need_no_shorter_limit() -> None:
    assert sequence_remedy(ResolvedTraining(), 200) == []


def test_half_the_rank_keeps_the_scale_and_has_an_end() -> None:
    (option,) = rank_remedy(ResolvedTraining(lora_r=64, lora_alpha=32))
    assert (option.changes["lora_r"], option.changes["lora_alpha"]) == (32, 16)
    assert rank_remedy(ResolvedTraining(lora_r=15)) == []


def test_an_option_holds_what_earlier_answers_changed() -> None:
    training = ResolvedTraining(micro_batch_size=1, gradient_accumulation_steps=16, gradient_checkpointing=True)
    (option,) = rank_remedy(training)
    assert set(option.changes) == set(LADDER_KEYS)
    assert option.changes["gradient_accumulation_steps"] == 16
