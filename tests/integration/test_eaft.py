"""Tokens weighed by entropy: Axolotl's loss in training, by our configuration, and the plain one for the dev rows."""

import json
from typing import Any

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from llama_base import write_llama_base

from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.recipe import ResolvedTraining
from services.trainer.run.axolotl import TrainingRows, make_config
from services.trainer.run.rows import measure_lengths, write_training_rows

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

SENTENCE = "The old man went down to the river and did not come back. "
TRAINING = ResolvedTraining(
    adapter="lora", lora_r=4, sequence_len=512, precision="fp32", lora_dropout=0, keep=0, use_eaft=True,
    gradient_checkpointing=False, gradient_accumulation_steps=2, max_steps=6, learning_rate=0.01,
)  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("eaft")
    write_llama_base(folder / "base")
    messages = [
        [{"role": "user", "content": f"Write {n}."}, {"role": "assistant", "content": SENTENCE * n}] for n in (1, 5, 3)
    ]
    rows = [Row.model_validate({"messages": chat, "chapter": "I"}) for chat in messages]
    write_rows(folder / "train.jsonl", rows)
    request, run = TrainRequest(dataset=folder, base=folder / "base", training=TRAINING), folder / "run"
    run.mkdir()
    write_training_rows(request, run, rows, rows[:1])
    training_rows = TrainingRows(rows, measure_lengths(request, rows), rows[:1])
    config = make_config(request, TRAINING, run, training_rows, gpu=False)
    (folder / "case.json").write_text(json.dumps({"base": str(folder / "base"), "config": config}))
    run_in_axolotl("eaft_measures.py", folder)
    measurements: dict[str, Any] = json.loads((folder / "measured.json").read_text())
    return measurements


def test_training_weighs_each_token_by_its_entropy(measured: dict[str, Any]) -> None:
    assert measured["training"] == pytest.approx(measured["weighted"], rel=1e-4)
    assert measured["weighted"] != pytest.approx(measured["plain"], rel=0.05)


def test_dev_rows_have_the_plain_loss(measured: dict[str, Any]) -> None:
    assert measured["evaluation"] == pytest.approx(measured["plain"], rel=1e-4)
    assert measured["evaluated"] == pytest.approx(measured["dev"]["plain"], rel=1e-3)


def test_a_training_learns(measured: dict[str, Any]) -> None:
    assert measured["logged"][-1] < measured["logged"][0]
