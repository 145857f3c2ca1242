"""The values that stand for "auto"."""

from __future__ import annotations

import pytest

from scriptorium.planning.resolve import MIN_UPDATES, count_updates, count_warmup, resolve_training, scale_steps
from scriptorium.recipe import ResolvedTraining, Training

AUTO = Training(num_epochs="auto", micro_batch_size="auto", gradient_accumulation_steps="auto", learning_rate="auto")


def test_a_number_in_the_recipe_stays() -> None:
    training = Training(num_epochs=5, micro_batch_size=2, gradient_accumulation_steps=7, learning_rate=1e-3)
    assert resolve_training(training, rows=10) == ResolvedTraining(**training.model_dump())


@pytest.mark.parametrize("rows", [20, 41, 150, 1000, 9000])
def test_auto_accumulates_no_more_than_leaves_enough_updates(rows: int) -> None:
    training = resolve_training(AUTO, rows)
    updates = count_updates(training, rows)
    assert updates >= min(MIN_UPDATES, rows * training.num_epochs)
    assert training.learning_rate == 2e-4


def test_the_last_update_of_an_epoch_may_have_fewer_rows() -> None:
    assert count_updates(ResolvedTraining(num_epochs=3, gradient_accumulation_steps=8), rows=41) == 18
    assert count_updates(ResolvedTraining(max_steps=45), rows=41) == 45


def test_auto_accumulates_as_much_as_leaves_enough_updates() -> None:
    assert resolve_training(AUTO, rows=41).gradient_accumulation_steps == 2  # 63 updates
    assert resolve_training(AUTO, rows=104).gradient_accumulation_steps == 5  # 63
    assert resolve_training(AUTO, rows=9000).gradient_accumulation_steps == 8


def test_auto_reads_a_short_text_more_often_but_does_not_learn_it_by_heart() -> None:
    assert [resolve_training(AUTO, rows=rows).num_epochs for rows in (100, 20, 15, 5)] == [3, 3, 4, 5]


def test_auto_gives_a_narrow_model_a_higher_learning_rate() -> None:
    assert resolve_training(AUTO, rows=100, hidden=576).learning_rate == 9.2e-4  # recipes/cpu.yaml: 1e-3


def test_auto_takes_smaller_steps_for_preferences() -> None:
    preferences = AUTO.model_copy(update={"method": "dpo"})
    assert resolve_training(preferences, rows=100).learning_rate == pytest.approx(2e-5)
    assert preferences.nominal_rate == pytest.approx(2e-5)


def test_the_warm_up_is_rounded_up() -> None:
    training = ResolvedTraining(num_epochs=3, gradient_accumulation_steps=8, warmup_ratio=0.03)
    assert [count_warmup(training, rows) for rows in (41, 300, 900)] == [2, 4, 11]
    assert count_warmup(training.model_copy(update={"warmup_ratio": 0.0}), 900) == 0


@pytest.mark.parametrize(("packed", "steps"), [(False, 61), (True, 48)])
def test_each_passage_is_seen_as_often_as_without_replay(packed: bool, steps: int) -> None:
    training = Training(max_steps=45, adapter="lora", sample_packing=packed)
    assert scale_steps(training, 291, replay_rows=100, share=0.05).max_steps == steps
    assert scale_steps(training, 291, replay_rows=0, share=0).max_steps == 45
    assert scale_steps(Training(), 291, replay_rows=100, share=0.05).max_steps is None
