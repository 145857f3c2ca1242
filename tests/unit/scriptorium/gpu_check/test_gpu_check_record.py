import json
from dataclasses import replace
from pathlib import Path

import pytest

from scriptorium.errors import Conflict
from scriptorium.gpu_check.check import CheckPlan, GpuCheck, describe_error, keep_small_files, take_step
from scriptorium.gpu_check.record import GIB, CheckRecord, Outcome, StepRecord, format_number, memory_share
from scriptorium.gpu_check.shape import SHAPES
from scriptorium.settings import Settings


def step(name: str, **numbers: float) -> StepRecord:
    return StepRecord(name, Outcome.DONE, 1.0, numbers=numbers)


def test_the_last_line_has_every_number_of_a_whole_check() -> None:
    record = CheckRecord("NVIDIA GeForce RTX 5090", "8b")
    record.steps = [
        step("qlora", mfu=0.4123, peak_gib=11.26, predicted_gib=11.9),
        step("lora", mfu=0.5214, peak_gib=20.55, predicted_gib=21.04),
        step("serve", ready_s=61.0, stop_s=4.0),
        step("train again", first_step_s=72.0, mfu=0.9),
    ]
    assert record.last_line() == (
        "gpu: card=NVIDIA-GeForce-RTX-5090 lora_mfu=0.521 qlora_mfu=0.412 peak_gib=20.6 predicted_gib=21 handover_s=137"
    )


def test_the_prediction_is_that_of_the_training_with_the_higher_peak() -> None:
    record = CheckRecord("a card", "8b")
    record.steps = [step("qlora", peak_gib=12.0, predicted_gib=1.0), step("lora", peak_gib=11.0, predicted_gib=2.0)]
    assert " peak_gib=12 predicted_gib=1 " in record.last_line()


def test_what_was_not_measured_is_a_dash() -> None:
    assert CheckRecord("none", "8b").last_line() == (
        "gpu: card=none lora_mfu=- qlora_mfu=- peak_gib=- predicted_gib=- handover_s=-"
    )


def test_a_hand_over_needs_both_ways() -> None:
    record = CheckRecord("a card", "8b", steps=[step("serve", ready_s=61.0, stop_s=4.0)])
    assert record.handover_seconds is None


@pytest.mark.parametrize(
    ("cap", "total", "share"), [(31, 32 * GIB, 31 / 32), (31, 24 * GIB, 1.0), (None, 32 * GIB, 1.0), (31, 0, 1.0)]
)
def test_a_cap_is_a_share_of_the_card_and_never_more_than_all_of_it(
    cap: float | None, total: int, share: float
) -> None:
    assert memory_share(cap, total) == share


def test_a_step_that_lacks_something_is_left_out_and_does_not_run() -> None:
    record = take_step("serve", lambda: pytest.fail("it ran"), "vLLM is not installed in /envs/vllm")
    assert (record.outcome, record.reason) == (Outcome.LEFT_OUT, "vLLM is not installed in /envs/vllm")


def test_a_failure_is_one_line_with_its_cause() -> None:
    def work() -> dict[str, float]:
        raise ValueError("first line\n  second line")

    record = take_step("merge", work)
    assert (record.outcome, record.reason) == (Outcome.FAILED, "ValueError: first line second line")
    assert "\n" not in str(record)
    assert CheckRecord("a card", "8b", steps=[record]).failed


def test_an_expected_failure_is_told_without_its_class() -> None:
    assert describe_error(Conflict("only 3 GiB are free")) == "only 3 GiB are free"


def test_numbers_have_three_digits() -> None:
    assert [format_number(value) for value in (0.52141, 20.55, 2089.4, 7.0)] == ["0.521", "20.6", "2089", "7"]


def test_the_record_can_be_read_by_machines(tmp_path: Path) -> None:
    record = CheckRecord("a card", "tiny", steps=[step("model", gib=0.001)])
    record.write(tmp_path)
    body = json.loads((tmp_path / "gpu-check.json").read_text())
    assert body["steps"][0] == {
        "name": "model", "outcome": "done", "seconds": 1.0, "reason": "", "numbers": {"gib": 0.001},
    }  # fmt: skip


def test_logs_are_kept_and_weights_are_not(tmp_path: Path) -> None:
    work, output = tmp_path / "out" / "work", tmp_path / "out"
    for name in (
        "lora/metrics.jsonl",
        "lora/axolotl.log",
        "job/logs/api.log",
        "models/x/config.json",
        "merged/config.json",
    ):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("text")
    (work / "engine.log").write_text("text")
    keep_small_files(work, output)
    kept = sorted(path.relative_to(output).as_posix() for path in output.rglob("*") if path.is_file())
    assert kept == ["engine.log", "job/api.log", "lora/axolotl.log", "lora/metrics.jsonl"]


def test_without_room_for_the_model_what_needs_it_is_left_out_and_the_rest_goes_on(tmp_path: Path) -> None:
    endless = replace(SHAPES["tiny"], intermediate=10**13)
    settings = Settings(data_dir=tmp_path / "data", device="cpu", axolotl_env=tmp_path, vllm_env=tmp_path)
    plan = CheckPlan(endless, tmp_path / "out", ("model", "lora", "card"))
    lines: list[str] = []
    record = GpuCheck(plan, settings, CheckRecord("cpu", "tiny"), lambda _: {}, lines.append).run()
    model, lora, card = record.steps
    assert model.outcome is Outcome.LEFT_OUT
    assert "GiB of disk are needed and" in model.reason
    assert "there is no model" in lora.reason
    assert card.outcome is Outcome.DONE
    assert [line.split()[0] for line in lines] == ["model", "model", "lora", "lora", "card", "card"]
