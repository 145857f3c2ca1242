"""The plugin's measurements inside Axolotl's environment; a complete training runs in tests/e2e."""

import json
from pathlib import Path
from typing import Any

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.artifacts.training_log import TRAINING_LOG, read_training_log
from services.trainer.run.progress import DEVICE_METRICS

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plugin")


@pytest.fixture(scope="module")
def measured(folder: Path) -> dict[str, Any]:
    """Run the script and return what it wrote."""
    run_in_axolotl("plugin_measures.py", folder)
    measurements: dict[str, Any] = json.loads((folder / "measured.json").read_text())
    return measurements


def test_flops_are_four_a_frozen_and_six_a_trained_weight_of_the_linear_layers(measured: dict[str, Any]) -> None:
    attention, mlp, head = 64 * (64 + 32 + 32 + 64), 3 * 64 * 96, 64 * 320
    adapters = 2 * 4 * ((64 + 64) + (64 + 32))
    assert measured["trained"] == adapters
    assert measured["flops"] == 4 * (2 * (attention + mlp) + head) + 6 * adapters


def test_the_peak_is_a_plausible_speed_and_measuring_it_changes_nothing(measured: dict[str, Any]) -> None:
    assert all(1e8 < peak < 1e15 for peak in measured["peaks"])
    assert measured["random_numbers_kept"]


def test_what_cannot_be_measured_is_left_out(measured: dict[str, Any]) -> None:
    assert (measured["use_of_no_gpu"], measured["peak_of_no_gpu"]) == (None, None)


def test_a_resumed_training_continues_its_token_counts(measured: dict[str, Any]) -> None:
    assert measured["tokens"] == [None, {"total": 700, "trainable": 500}]


def test_every_step_has_the_devices_numbers_and_the_first_no_mfu(measured: dict[str, Any], folder: Path) -> None:
    steps = [line for line in read_training_log(folder / TRAINING_LOG) if "loss" in line]
    assert [set(DEVICE_METRICS) - set(line) for line in steps] == [{"mfu_ratio"}, set(), set()]
    for line in steps:
        assert 0 < line["memory_used_bytes"] < line["memory_total_bytes"]
        assert 0 <= line["device_use_ratio"] <= 1
        assert 1e8 < line["peak_memory_bytes"] < line["memory_total_bytes"]
    [begin] = [line for line in read_training_log(folder / TRAINING_LOG) if line.get("event") == "begin"]
    assert 1e8 < begin["peak_flops"] < 1e15
    ratio = 400 * measured["flops"] / 0.05 / max(measured["peaks"])
    assert all(ratio / 50 < line["mfu_ratio"] < ratio * 50 for line in steps[1:])
