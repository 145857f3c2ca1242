import math

from scriptorium.contracts import TrainResult
from scriptorium.gpu_check.record import GIB
from scriptorium.gpu_check.training import collect_numbers

RESULT = TrainResult(
    checkpoints=[], first_loss=12.6, last_loss=11.0, steps=3, trained_tokens=9000, seconds=80.0, peak_bytes=20 * GIB
)
PLAN = {"planned_peak_bytes": 21 * GIB, "planned_seconds": 100.0, "planned_tokens_per_second": 2000.0}
LINES = [
    {"event": "begin", "time": 1030.0, "step": 0, "peak_flops": 200e12},
    {"time": 1040.0, "step": 1, "loss": 12.6, "tokens/trainable": 3000.0, "memory_used_bytes": 22 * GIB},
    {"time": 1042.0, "step": 2, "loss": 12.0, "tokens/trainable": 7000.0, "mfu_ratio": 0.5},
    {"event": "checkpoint", "time": 1043.0, "step": 3},
    {"time": 1044.0, "step": 3, "loss": 11.0, "tokens/trainable": 11000.0, "mfu_ratio": 0.6},
]


def test_the_numbers_leave_out_the_first_step_which_warms_up() -> None:
    numbers = collect_numbers(LINES, RESULT, [{}, PLAN], 1000.0, "NVIDIA GeForce RTX 5090")
    assert numbers["tokens_s"] == 2000.0
    assert numbers["mfu"] == 0.55
    assert numbers["first_step_s"] == 40.0


def test_measured_and_planned_stand_side_by_side() -> None:
    numbers = collect_numbers(LINES, RESULT, [PLAN], 1000.0, "NVIDIA GeForce RTX 5090")
    assert (numbers["peak_gib"], numbers["predicted_gib"], numbers["used_gib"]) == (20.0, 21.0, 22.0)
    assert (numbers["train_s"], numbers["predicted_s"], numbers["predicted_tokens_s"]) == (80.0, 100.0, 2000.0)


def test_the_share_of_the_published_peak_is_told_for_a_known_card_only() -> None:
    known = collect_numbers(LINES, RESULT, [PLAN], 1000.0, "NVIDIA GeForce RTX 5090")
    assert math.isclose(known["card_mfu"], 0.55 * 200 / 209.5)
    assert "card_mfu" not in collect_numbers(LINES, RESULT, [PLAN], 1000.0, "cpu")


def test_what_is_missing_is_left_out() -> None:
    numbers = collect_numbers(LINES[:2], RESULT, [], 1000.0, "cpu")
    assert "tokens_s" not in numbers
    assert "predicted_gib" not in numbers
