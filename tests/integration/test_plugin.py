"""The plugin's measurements inside Axolotl's environment; a complete training runs in tests/e2e."""

import json
from pathlib import Path
from typing import Any

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl

from scriptorium.artifacts.checkpoint_samples import read_samples
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


def test_preferences_count_the_tokens_of_all_attempts(measured: dict[str, Any]) -> None:
    assert measured["preference_tokens"] == [100, 200, 200, 300]  # the second attempt begins after the first step


def test_a_resumed_training_goes_on_with_the_packed_rows_of_its_epoch(measured: dict[str, Any]) -> None:
    without_plugin, with_plugin = measured["packs_after_a_resume"]
    assert with_plugin
    assert not without_plugin  # else upstream has mended it, and the plugin need not


def test_why_a_training_ends_is_written_and_nan_weights_are_not_saved(measured: dict[str, Any]) -> None:
    assert measured["endings"] == {
        "nan": {"stop": True, "save": False, "reason": "diverged"},
        "stop": {"stop": True, "save": False, "reason": "stop"},
        "pause": {"stop": True, "save": True, "reason": "pause"},
        "early": {"stop": False, "save": True, "reason": "early_stop"},
    }


def test_the_gpus_memory_is_capped_before_the_model_is_loaded(measured: dict[str, Any]) -> None:
    assert measured["caps"] == [[0.92, 1]]


def test_the_scoring_child_loads_its_base_straight_onto_the_gpu(measured: dict[str, Any]) -> None:
    assert measured["places"] == [None, {"": 0}]


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


def test_writing_samples_leaves_the_training_bit_for_bit_as_it_is(measured: dict[str, Any]) -> None:
    without, with_samples = measured["writing"]["losses"]
    assert with_samples == without
    assert len(set(without)) == 4


def test_the_same_random_numbers_at_each_checkpoint_and_other_words_once_it_has_learned(
    measured: dict[str, Any], folder: Path
) -> None:
    texts = [[sample.text for sample in read_samples(folder) if sample.step == step] for step in range(4)]
    assert [len(briefs) for briefs in texts] == [2, 2, 2, 2]
    assert texts[0] == measured["writing"]["repeated"]  # in another run, before its first step
    assert texts[3] != texts[0]
    assert all(1 <= len(text.split()) <= 12 for briefs in texts for text in briefs)


def test_a_pause_is_not_held_up_by_writing(measured: dict[str, Any]) -> None:
    assert measured["writing"]["paused"] == 0


def test_a_failure_to_write_costs_only_the_passages(measured: dict[str, Any], folder: Path) -> None:
    *_, checkpoint, notice = read_training_log(folder / "again" / TRAINING_LOG)
    assert (checkpoint["event"], notice["event"], notice["step"]) == ("checkpoint", "notice", 9)
    assert "No sample passages at step 9: AttributeError" in notice["text"]  # there is no model
