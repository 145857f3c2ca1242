"""The real small model: it answers what is replayed, and its adapter is tried at a strength after training."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_axolotl import AXOLOTL_MARKS, PYTHON

from scriptorium.artifacts import checkpoint_losses as measured
from scriptorium.artifacts.dataset import Row, read_rows, write_rows
from scriptorium.artifacts.trials import read_trials
from scriptorium.contracts import CalibrateRequest, TrainRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.recipe import Calibration, Training
from scriptorium.replay.judge import compression
from scriptorium.settings import get_settings
from services.evaluator.calibrate import calibrate_voice
from services.trainer.replay.mix import replay_rows
from services.trainer.run import trials
from services.trainer.run.rows import read_rows_to_train
from services.trainer.train import hash_base, train_adapter

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

STEPS, STRENGTH, PASSAGE_WORDS = 4, 0.5, 40
TRAINING = Training(
    adapter="lora", lora_r=8, lora_alpha=16, lora_dropout=0.0, max_steps=STEPS, gradient_accumulation_steps=1,
    learning_rate=1e-3, sequence_len=512, gradient_checkpointing=False, checkpoints=1, samples=0, keep=0.05,
)  # fmt: skip


@pytest.fixture
def request_to_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainRequest:
    """Return the request of a short training whose trials write little."""
    monkeypatch.setenv("SCRIPTORIUM_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cpu")
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(PYTHON.parents[1]))
    monkeypatch.setenv("SCRIPTORIUM_EVALUATION_MAX_TOKENS", "24")
    monkeypatch.setattr(trials, "PROBE_TOKENS", 24)
    monkeypatch.setattr(trials, "ANSWER_TOKENS", 16)
    get_settings.cache_clear()
    words = demo_assets().book.read_text("utf-8").split()
    passages = [" ".join(words[start : start + PASSAGE_WORDS]) for start in range(400, 2000, PASSAGE_WORDS)]
    rows = [make_row(number, text) for number, text in enumerate(passages)]
    for name, part in (("train", rows[:32]), ("dev", rows[32:36]), ("reference", rows[36:])):
        write_rows(tmp_path / "dataset" / f"{name}.jsonl", part)
    return TrainRequest(
        dataset=tmp_path / "dataset",
        base=(demo_assets().models / BASE).resolve(),
        training=TRAINING,
        replay_cache=tmp_path / "replay",
        calibration=Calibration(strengths=[STRENGTH], briefs=4, instructions=4),
    )


def make_row(number: int, text: str) -> Row:
    messages = [{"role": "user", "content": f"Write passage {number}."}, {"role": "assistant", "content": text}]
    return Row.model_validate({"messages": messages, "chapter": "I"})


def test_what_the_base_answers_is_trained_on_and_the_adapter_is_tried_at_a_strength(
    request_to_train: TrainRequest, tmp_path: Path
) -> None:
    folder, reporter = tmp_path / "training", SilentReporter()
    folder.mkdir()
    result = train_adapter(request_to_train, folder, reporter)

    assert result.replay
    assert result.replay.share >= TRAINING.keep
    replayed = read_rows(folder / "train.jsonl")[32:]
    assert len(replayed) == result.replay.rows > 0
    assert all(compression(row.passage) < 3 for row in replayed)
    assert result.steps == -(-STEPS * (32 + len(replayed)) // 32)  # each passage as often as without replay

    base, tuned = read_trials(folder)
    assert (base.step, tuned.step, tuned.strength) == (None, result.steps, STRENGTH)
    assert len(base.passages) == len(tuned.passages) == len(base.answers) == len(tuned.answers) == 4
    assert base.genuine_loss == pytest.approx(tuned.genuine_loss, rel=1e-6)  # the base alone reads, in both
    check_strength(folder, result.steps)

    chosen = calibrate_voice(
        CalibrateRequest(dataset=request_to_train.dataset, training=folder, tokenizer=request_to_train.base),
        tmp_path,
        reporter,
    )
    assert (chosen.step, chosen.strength, chosen.temperature) == (result.steps, STRENGTH, tuned.temperature)

    later = SilentReporter()
    rows = read_rows_to_train(request_to_train)
    hashes = hash_base(request_to_train.base, later)
    again, _ = replay_rows(request_to_train, tmp_path, rows, later, hashes=hashes)
    assert again[32:] == replayed
    assert not [message for message in later.messages if "is asked" in message]


def check_strength(folder: Path, step: int) -> None:
    """Check that half of the strength has about half of the effect on the losses, which is nearly linear so early."""
    halved, whole = (
        measured.read_checkpoint_losses(measured.checkpoint_losses_path(folder, step, strength))
        for strength in (STRENGTH, 1.0)
    )
    assert halved
    assert whole
    losses = halved.bases["stored"]
    without = measured.mean_loss(losses.without)
    assert whole.bases["stored"].loss < without
    share = (without - losses.loss) / (without - whole.bases["stored"].loss)
    assert 0.3 < share < 0.8
