"""The plan of a training: what is reported before Axolotl starts, what is refused, and what a run leaves behind."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scriptorium.artifacts.dataset import Row
from scriptorium.artifacts.training_log import TRAINING_LOG, LogLine, append_to_log
from scriptorium.contracts import Level, TrainRequest, TrainResult
from scriptorium.errors import DiskLow, MemoryLow
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.planning.device import Device
from scriptorium.planning.measured_runs import read_runs
from scriptorium.recipe import Training
from scriptorium.settings import get_settings
from services.trainer import plan_run as planning
from services.trainer.plan_run import RunPlan, measure_dataset, plan_run, record_run
from services.trainer.run.axolotl import TrainingRows

GIB = 1024**3
CONFIG = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "tie_word_embeddings": False,
}  # fmt: skip
AUTO = Training(gradient_accumulation_steps="auto", learning_rate="auto", num_epochs="auto", micro_batch_size="auto")


class EventReporter(SilentReporter):
    """Keeps the level and the data of each event."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[tuple[Level, str, dict[str, Any]]] = []

    def message(self, text: str, level: Level = Level.INFO, **data: Any) -> None:
        self.events.append((level, text, data))


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A tokenizer that counts words, a base folder, and a data folder of our own."""
    tokenizer = SimpleNamespace(
        end_of_turn="<|eot_id|>",
        render=lambda messages: " ".join(message["content"] for message in messages),
        count=lambda texts: [len(text.split()) for text in texts],
    )
    monkeypatch.setattr(planning, "chat_tokenizer", lambda folder: tokenizer)
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cuda")
    monkeypatch.setenv("SCRIPTORIUM_GPUS", "0")
    get_settings.cache_clear()
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "config.json").write_text(json.dumps(CONFIG))
    use_card(monkeypatch)


def use_card(monkeypatch: pytest.MonkeyPatch, free: float = 30.0, disk: float = 500.0) -> None:
    sizes = (round(size * GIB) for size in (31.8, free, disk))
    device = Device("NVIDIA GeForce RTX 5090", True, 209.5e12, *sizes)
    monkeypatch.setattr(planning, "read_device", lambda *arguments, **options: device)


def rows(count: int = 41, words: int = 1400) -> list[Row]:
    messages: list[Any] = [
        {"role": "user", "content": "Write a scene."},
        {"role": "assistant", "content": "word " * words},
    ]
    return [Row(messages=messages, chapter="1")] * count


def plan(tmp_path: Path, reporter: SilentReporter, training: Training = AUTO) -> RunPlan:
    request = TrainRequest(dataset=tmp_path / "dataset", base=tmp_path / "base", training=training)
    lengths = [len(row.passage.split()) + 3 for row in rows()]
    dataset = measure_dataset(request, TrainingRows(rows(), lengths, rows(6)))
    return plan_run(request, tmp_path / "run", dataset, 1, reporter)


def test_auto_is_resolved_with_the_real_rows_and_the_checklist_is_logged(tmp_path: Path) -> None:
    reporter = EventReporter()
    run = plan(tmp_path, reporter)
    assert run.estimate is not None
    assert run.training == run.estimate.training
    assert (run.training.micro_batch_size, run.training.gradient_accumulation_steps) == (2, 1)
    assert run.estimate.updates == 63
    [(level, text, checklist)] = reporter.events
    assert level is Level.INFO
    assert text.startswith("[TRAIN] Checklist: 41 rows to train on and 6 dev rows in dataset/; 4 checkpoint(s)")
    assert text.endswith("the chat template ends a turn with <|eot_id|>")
    assert checklist["dataset"] == str(tmp_path / "dataset" / "train.jsonl")
    assert checklist["output"] == str(tmp_path / "run" / "checkpoints")
    assert checklist["logging"] == str(tmp_path / "run" / "metrics.jsonl")
    assert checklist["peak_bytes"] < checklist["available_bytes"]
    assert checklist["disk_bytes"] < checklist["free_disk_bytes"]
    [numbers] = reporter.numbers
    assert (numbers["planned_epochs"], numbers["planned_batch_size"], numbers["total_steps"]) == (3, 2, 63)
    assert numbers["eta_seconds"] == run.estimate.seconds


def test_packed_rows_are_counted_as_the_trainer_packs_them(tmp_path: Path) -> None:
    """Two rows of 1,403 tokens fit into 4,096."""
    run = plan(tmp_path, SilentReporter(), Training(adapter="lora", sample_packing=True, num_epochs=3))
    assert run.dataset is not None
    assert run.dataset.counted_packed_rows == 21


def test_too_few_updates_are_a_warning(tmp_path: Path) -> None:
    reporter = EventReporter()
    plan(tmp_path, reporter, Training())
    warnings = [text for level, text, _ in reporter.events if level is Level.WARN]
    assert warnings[0].startswith("[TRAIN] 18 updates teach little")
    assert "gradient_accumulation_steps 2 makes 63" in warnings[0]


def test_a_plan_above_the_free_memory_is_refused_with_what_fits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_card(monkeypatch, free=12)
    with pytest.raises(MemoryLow, match=r"needs about 1\d\.\d GiB .* of which 12\.0 GiB can be used") as caught:
        plan(tmp_path, SilentReporter(), Training(adapter="qlora", micro_batch_size=2))
    assert caught.value.code == "memory_low"
    assert caught.value.next_step == (
        "These options under `training` make it fit: micro_batch_size: 1, gradient_accumulation_steps: 16."
    )


def test_a_base_for_which_nothing_fits_is_said_to_be_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_card(monkeypatch, free=3)
    with pytest.raises(MemoryLow) as caught:
        plan(tmp_path, SilentReporter())
    assert str(caught.value.next_step).startswith("Choose a smaller base model")


def test_a_plan_above_the_free_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_card(monkeypatch, disk=12)
    with pytest.raises(DiskLow, match=r"will write about \d\d\.\d GiB .*, and 12\.0 GiB are free"):
        plan(tmp_path, SilentReporter())


def test_a_base_that_cannot_be_planned_is_trained_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "base" / "config.json").write_text(json.dumps({**CONFIG, "model_type": "mixtral"}))
    reporter = EventReporter()
    run = plan(tmp_path, reporter)
    assert run.estimate is None
    assert run.training.gradient_accumulation_steps == 2
    assert [level for level, *_ in reporter.events] == [Level.WARN]
    assert record_run(run, tmp_path, RESULT, 0.0).peak_bytes is None


RESULT = TrainResult(
    checkpoints=[], first_loss=3.0, last_loss=2.0, steps=2, trained_tokens=3000, seconds=60.0, base_hashes={}
)


def log(folder: Path, *lines: LogLine) -> None:
    defaults = {"max_steps": 2, "step": 0}
    append_to_log(folder / TRAINING_LOG, [{**defaults, **line} for line in lines])


BEGIN = {"time": 1030.0, "event": "begin", "peak_memory_bytes": 6 * GIB, "peak_flops": 1.9e14}
STEPS: tuple[LogLine, ...] = (
    {"time": 1032.0, "eval_loss": 3.1},
    {"time": 1037.0, "step": 1, "loss": 3.0, "peak_memory_bytes": 14 * GIB},
    {"time": 1042.0, "step": 2, "loss": 2.0, "peak_memory_bytes": 15 * GIB},
    {"time": 1044.0, "step": 2, "eval_loss": 2.1},
    {"time": 1045.0, "step": 2, "event": "checkpoint"},
    {"time": 1048.0, "step": 2, "event": "samples"},
)


def test_what_a_run_needed_is_kept_for_the_next_estimate(tmp_path: Path) -> None:
    run = plan(tmp_path, SilentReporter())
    log(tmp_path, {"time": 1025.0, "event": "samples"}, BEGIN, *STEPS)
    result = record_run(run, tmp_path, RESULT, started_at=1000.0, trial_seconds=5.0)
    assert result.peak_bytes == 15 * GIB + GIB // 2  # the tensors, and the context around them
    assert result.tokens_per_second == 300.0
    [measured] = read_runs(get_settings().measured_runs)
    assert measured.duration.model_dump() == {
        "start": 30.0, "steps": 10.0, "evaluations": 4.0, "saving": 1.0, "samples": 3.0, "measuring": 7.0,
        "trials": 5.0, "replay": 0.0,
    }  # fmt: skip
    assert measured.duration.total == RESULT.seconds
    assert measured.device.peak_flops == 1.9e14
    assert measured.training == run.training


def test_an_interrupted_run_is_not_kept(tmp_path: Path) -> None:
    run = plan(tmp_path, SilentReporter())
    log(tmp_path, BEGIN, STEPS[1], {**BEGIN, "step": 1}, *STEPS[2:])
    result = record_run(run, tmp_path, RESULT, started_at=1000.0)
    assert result.peak_bytes == 15 * GIB + GIB // 2
    assert result.tokens_per_second is None
    assert read_runs(get_settings().measured_runs) == []


def test_a_run_that_cannot_be_kept_has_ended_well_all_the_same(tmp_path: Path) -> None:
    run = plan(tmp_path, SilentReporter())
    log(tmp_path, BEGIN, *STEPS)
    (tmp_path / "data").write_text("a file in the way of the folder")
    assert record_run(run, tmp_path, RESULT, started_at=1000.0).tokens_per_second == 300.0


def test_the_next_plan_uses_the_measured_run(tmp_path: Path) -> None:
    run = plan(tmp_path, SilentReporter())
    assert run.estimate is not None
    log(tmp_path, BEGIN, *STEPS)
    measured = record_run(run, tmp_path, RESULT, started_at=1000.0)
    again = plan(tmp_path, SilentReporter()).estimate
    assert again is not None
    assert again.measured_runs == 1
    assert again.peak_bytes == pytest.approx(measured.peak_bytes, rel=0.001)
