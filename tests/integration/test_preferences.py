"""Preferences from an uploaded file to an adapter: prepared, and trained by the real Axolotl on the CPU."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, PYTHON
from safetensors import safe_open

from scriptorium.artifacts.checkpoints import checkpoint_folder
from scriptorium.artifacts.dataset import PreferenceRow, read_rows
from scriptorium.artifacts.training_log import TRAINING_LOG, read_training_log
from scriptorium.contracts import PrepareRequest, TrainRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.recipe import Calibration, Chunking, Split, Training
from scriptorium.settings import get_settings
from services.data.prepare import prepare_manuscript
from services.trainer.train import train_adapter

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

STEPS, PASSAGE_WORDS, ROWS = 3, 40, 18
TRAINING = Training(
    method="dpo", adapter="lora", lora_r=8, lora_alpha=16, lora_dropout=0.0, max_steps=STEPS,
    gradient_accumulation_steps=1, learning_rate=1e-3, warmup_ratio=0, sequence_len=512, gradient_checkpointing=False,
    checkpoints=1, dev_rows=2, samples=1, sample_tokens=8, keep=0,
)  # fmt: skip


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of the real small base."""
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cpu")
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(PYTHON.parents[1]))
    get_settings.cache_clear()
    return (demo_assets().models / BASE).resolve()


def write_rows(path: Path) -> Path:
    """Write rows as OpenAI's API has them: a passage is preferred to the same one in capitals."""
    words = demo_assets().book.read_text("utf-8").split()
    texts = [" ".join(words[start : start + PASSAGE_WORDS]) for start in range(400, 6000, PASSAGE_WORDS)][:ROWS]
    rows = [
        {
            "input": {"messages": [{"role": "user", "content": f"Write passage {number}."}]},
            "preferred_output": [{"role": "assistant", "content": text}],
            "non_preferred_output": [{"role": "assistant", "content": text.upper()}],
        }
        for number, text in enumerate(texts)
    ]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_preferences_train_an_adapter_that_prefers_what_they_prefer(base: Path, tmp_path: Path) -> None:
    dataset, training, reporter = tmp_path / "dataset", tmp_path / "training", SilentReporter()
    for folder in (dataset, training):
        folder.mkdir()
    prepare_manuscript(
        PrepareRequest(
            manuscript=write_rows(tmp_path / "rows"), filename="rows.jsonl", base=base, prompt="brief", method="dpo",
            sequence_len=TRAINING.sequence_len, chunking=Chunking(), split=Split(),
        ),
        dataset,
        reporter,
    )  # fmt: skip
    train = read_rows(dataset / "train.jsonl")
    assert all(isinstance(row, PreferenceRow) and row.rejected == row.passage.upper() for row in train)

    order = TrainRequest(dataset=dataset, base=base, training=TRAINING, calibration=Calibration(strengths=[]))
    result = train_adapter(order, training, reporter)
    assert result.steps == STEPS
    assert result.replay is None
    lines = [line for line in read_training_log(training / TRAINING_LOG) if "loss" in line]
    losses = [line["loss"] for line in lines]
    assert losses[0] == pytest.approx(0.6931, abs=1e-3)  # ln 2: at first the model is its own base
    assert losses[-1] < losses[0]
    assert lines[-1]["rewards/margins"] > 0
    assert result.trained_tokens > STEPS * 2 * PASSAGE_WORDS  # both chats of each row
    checkpoint = checkpoint_folder(training, STEPS)
    with safe_open(checkpoint / "adapter_model.safetensors", "numpy") as tensors:
        updates = [tensors.get_tensor(name) for name in tensors.keys() if "lora_B" in name]  # noqa: SIM118
    assert updates
    assert all(abs(update).max() > 0 for update in updates)
    assert not list(checkpoint.parent.glob("**/model*.safetensors"))  # no copy of the base beside it
