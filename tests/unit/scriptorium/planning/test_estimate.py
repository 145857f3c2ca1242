"""The whole estimate: updates, warnings, fit, "auto" and what earlier runs correct."""

from dataclasses import replace

import pytest
from planned import GIB, book, card, cpu, llama, smollm

from scriptorium.contracts.estimate import DurationParts
from scriptorium.planning.dataset_size import DatasetSize, with_replay
from scriptorium.planning.device import Device, known_peak
from scriptorium.planning.duration import plan_duration
from scriptorium.planning.estimate import estimate
from scriptorium.planning.measured_runs import MeasuredRun
from scriptorium.planning.memory import plan_memory
from scriptorium.recipe import Calibration, ResolvedTraining, Training

CPU_TRAINING = ResolvedTraining(
    adapter="lora", lora_r=16, max_steps=45, gradient_accumulation_steps=1, sequence_len=1024
)
PASSAGES = DatasetSize(rows=144, tokens=144 * 633, longest_row=754, answer_tokens=144 * 540, dev_rows=4)


def test_the_seeds_recipe_on_the_seeds_book_is_too_few_updates() -> None:
    """S5: 41 rows with accumulation 8 are 18 updates; the warning names the value that makes 60."""
    plan = estimate(Training(), llama(), book(), card())
    assert (plan.updates, plan.warmup_steps) == (18, 2)
    assert "18 updates teach little" in plan.warnings[0]
    assert "gradient_accumulation_steps 2 makes 63" in plan.warnings[0]
    better = estimate(Training(gradient_accumulation_steps=2), llama(), book(), card())
    assert (better.updates, better.warmup_steps) == (63, 2)
    assert better.warnings == []


def test_a_very_short_book_needs_more_epochs() -> None:
    plan = estimate(Training(), llama(), book(rows=10), card())
    assert "gradient_accumulation_steps 1 and num_epochs 6 make 60" in plan.warnings[0]


def test_a_limit_of_steps_is_named() -> None:
    assert "max_steps 60 reaches that" in estimate(CPU_TRAINING, smollm(), PASSAGES, cpu()).warnings[0]


def test_an_hours_book_takes_minutes_on_the_card() -> None:
    """At half of the peak 2,089 tokens/s: 84k tokens in three epochs are two minutes of steps."""
    packed = DatasetSize(rows=104, tokens=84_000, longest_row=1300, answer_tokens=84_000, dev_rows=8)
    plan = estimate(Training(adapter="lora", sample_packing=True, sequence_len=4096), llama(), packed, card())
    assert plan.tokens_per_second == pytest.approx(2_089, rel=0.12)
    assert plan.duration.steps == pytest.approx(121, rel=0.15)


def test_short_rows_alone_do_not_fill_a_card() -> None:
    short = DatasetSize(rows=500, tokens=500 * 154, longest_row=200, answer_tokens=500 * 154)
    plan = estimate(Training(adapter="lora"), llama(), short, card())
    assert plan.tokens_per_second == pytest.approx(630, rel=0.1)


def test_a_plan_that_does_not_fit_comes_with_the_options_that_do() -> None:
    small = card(free=15.5, total=16)
    plan = estimate(Training(adapter="lora"), llama(), book(longest=4096), small)
    assert not plan.fits
    assert plan.changes is not None
    assert plan.changes["adapter"] == "qlora"
    changed = estimate(Training(adapter="lora").model_copy(update=plan.changes), llama(), book(longest=4096), small)
    assert changed.fits
    assert changed.changes is None


def test_the_effective_batch_stays_when_the_micro_batch_shrinks() -> None:
    training = Training(micro_batch_size=8, gradient_accumulation_steps=2, liger=True)
    plan = estimate(training, llama(), book(longest=4096), card(free=13))
    assert plan.changes == {"micro_batch_size": 1, "gradient_accumulation_steps": 16}


def test_nothing_makes_it_fit() -> None:
    plan = estimate(Training(), llama(), book(), card(free=4))
    assert not plan.fits
    assert plan.changes is None


def test_a_full_disk_does_not_fit() -> None:
    plan = estimate(Training(), llama(), book(), card(disk=10))
    assert plan.disk_bytes > 10 * GIB
    assert not plan.fits


def test_beyond_92_percent_of_a_card_nothing_fits() -> None:
    """WSL 2 spills into system memory there, without an error."""
    plan = estimate(Training(), llama(), book(), card(free=31.8, total=31.8))
    assert plan.available_bytes == pytest.approx(0.92 * 31.8 * GIB, rel=0.001)


def test_a_card_that_cannot_be_seen_is_a_warning() -> None:
    plan = estimate(Training(), llama(), book(), Device("a GPU", True))
    assert plan.fits
    assert plan.available_bytes is None
    assert any("cannot be read" in warning for warning in plan.warnings)
    assert any("time is a guess" in warning for warning in plan.warnings)


def test_auto_fills_a_card_with_short_rows_where_they_fit() -> None:
    auto = Training(adapter="lora", micro_batch_size="auto", gradient_accumulation_steps="auto")
    rows = DatasetSize(rows=900, tokens=900 * 650, longest_row=760, answer_tokens=900 * 560)
    assert estimate(auto, llama(), rows, card()).training.micro_batch_size == 4
    assert estimate(auto, llama(), rows, card(free=21.5)).training.micro_batch_size == 1
    assert estimate(auto, llama(), replace(rows, rows=50, tokens=50 * 650), card()).training.micro_batch_size == 2
    assert estimate(auto, smollm(), rows, cpu()).training.micro_batch_size == 1


def measured(memory: float, time: float, **changes: object) -> MeasuredRun:
    """A run that needed so many times what the formulas say."""
    training, shape, device = CPU_TRAINING, smollm(), cpu()
    plan = plan_duration(training, shape, PASSAGES, device, 45)
    duration = DurationParts(**{name: seconds * time for name, seconds in plan.model_dump().items()})
    run = MeasuredRun(
        ended_at=1, machine="m", device=device, shape=shape, training=training, dataset=PASSAGES, updates=45,
        peak_bytes=round(plan_memory(training, shape, PASSAGES, device).total * memory), duration=duration,
    )  # fmt: skip
    return run.model_copy(update=changes)


def test_measured_runs_correct_the_next_estimate() -> None:
    first = estimate(CPU_TRAINING, smollm(), PASSAGES, cpu())
    history = [measured(1.2, 1.5), measured(1.2, 1.5), measured(5.0, 20.0)]  # the machine was busy during one of them
    second = estimate(CPU_TRAINING, smollm(), PASSAGES, cpu(), history)
    assert second.measured_runs == 3
    assert second.peak_bytes == pytest.approx(1.2 * first.peak_bytes, rel=0.001)
    assert second.peak_bytes == sum(second.memory.model_dump().values())
    assert second.seconds == pytest.approx(1.5 * first.seconds, rel=0.01)
    assert second.tokens_per_second == pytest.approx(first.tokens_per_second / 1.5, rel=0.01)


def test_a_run_in_which_something_was_wrong_counts_no_more_than_so_much() -> None:
    first = estimate(CPU_TRAINING, smollm(), PASSAGES, cpu())
    spilled = estimate(CPU_TRAINING, smollm(), PASSAGES, cpu(), [measured(1.0, 60.0)])
    assert spilled.duration.steps == pytest.approx(2.5 * first.duration.steps, rel=0.01)


@pytest.mark.parametrize(
    "changes",
    [
        {"shape": llama()},
        {"device": card()},
        {"training": CPU_TRAINING.model_copy(update={"precision": "fp32"})},
    ],
)
def test_runs_of_another_kind_correct_nothing(changes: dict[str, object]) -> None:
    plan = estimate(CPU_TRAINING, smollm(), PASSAGES, cpu(), [measured(2.0, 2.0, **changes)])
    assert plan.measured_runs == 0


def test_the_longest_name_of_a_card_counts() -> None:
    assert known_peak("NVIDIA L40S") == 362e12
    assert known_peak("NVIDIA H100 PCIe") == 756e12
    assert known_peak("NVIDIA GeForce RTX 5090") == 209.5e12
    assert known_peak("NVIDIA T4") is None


def test_trials_take_time_for_each_strength_and_none_without() -> None:
    def seconds(*strengths: float) -> float:
        calibration = Calibration(strengths=list(strengths))
        return estimate(Training(checkpoints=1), llama(), book(), card(), calibration=calibration).duration.trials

    one, two, three = seconds(1.0), seconds(0.5, 1.0), seconds(0.5, 0.75, 1.0)
    assert seconds() == 0
    assert two - one == pytest.approx(1_528 * 0.032, abs=0.2)  # 1,240 tokens of a passage, three times 96 of answers
    assert three - two == pytest.approx(two - one, abs=0.2)
    assert estimate(Training(), llama(), book(dev=0), card(), calibration=Calibration()).duration.trials == 0


def test_an_anchor_costs_another_forward_pass() -> None:
    plain, anchored = (
        plan_duration(ResolvedTraining(kl_weight=weight, sample_packing=True), llama(), book(), card(), 10).steps
        for weight in (0.0, 0.1)
    )
    assert 1.2 * plain < anchored < 1.5 * plain


def test_the_bases_answers_are_written_once_and_a_passage_is_seen_as_often_with_them() -> None:
    replayed = CPU_TRAINING.model_copy(update={"keep": 0.2, "max_steps": 60, "gradient_accumulation_steps": 1})
    size = with_replay(PASSAGES, replayed)
    first = estimate(replayed, smollm(), size, cpu())
    assert first.updates == -(-60 * size.rows // PASSAGES.rows)
    assert first.duration.replay > 60
    assert estimate(replayed, llama(), size, card()).duration.replay > 60
    earlier = measured(1.0, 1.0, training=replayed)
    assert estimate(replayed, smollm(), size, cpu(), [earlier]).duration.replay == 0
    assert estimate(replayed, llama(), size, card(), [earlier]).duration.replay > 0  # another base
