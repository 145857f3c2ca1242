"""The anchor inside Axolotl: loss and gradient are those of the definition, and the rest of a training is as before."""

import json
from pathlib import Path
from typing import Any

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from llama_base import write_llama_base

from scriptorium.artifacts.dataset import Row
from scriptorium.contracts import TrainRequest
from scriptorium.recipe import ResolvedTraining
from services.trainer.run.axolotl import TrainingRows, make_config
from services.trainer.run.rows import measure_lengths, write_training_rows

pytestmark = [*AXOLOTL_MARKS, pytest.mark.slow]

SENTENCE = "The old man went down to the river and did not come back. "
WEIGHT = 0.5
PLAIN: dict[str, Any] = {
    "adapter": "lora", "lora_r": 4, "sequence_len": 512, "precision": "fp32", "lora_dropout": 0, "keep": 0,
    "gradient_checkpointing": False, "kl_weight": WEIGHT, "gradient_accumulation_steps": 2,
}  # fmt: skip
OPTIONS = {
    "rows": {**PLAIN, "micro_batch_size": 3},  # of different lengths, so that two are padded
    "packed": {**PLAIN, "sample_packing": True},
    "run": {**PLAIN, "precision": "bf16", "gradient_checkpointing": True, "lora_dropout": 0.1, "learning_rate": 0.01,
            "checkpoints": 1, "samples": 0},
}  # fmt: skip


def rows() -> list[Row]:
    return [
        Row(
            messages=[{"role": "user", "content": f"Write {n}."}, {"role": "assistant", "content": SENTENCE * n}],
            chapter="I",
        )
        for n in (1, 5, 3, 2, 6, 4)
    ]


def configure(folder: Path, name: str) -> dict[str, Any]:
    training = ResolvedTraining(**OPTIONS[name])
    request, run = TrainRequest(dataset=folder, base=folder / "base", training=training), folder / name
    run.mkdir()
    write_training_rows(request, run, rows(), rows()[:2])
    config = make_config(
        request, training, run, TrainingRows(rows(), measure_lengths(request, rows()), rows()[:2]), gpu=False
    )
    config["datasets"][0]["path"] = str(folder / "train.jsonl")
    return config


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("anchor")
    write_llama_base(folder / "base")
    (folder / "train.jsonl").write_text("".join(row.model_dump_json() + "\n" for row in rows()))
    cases = {"base": str(folder / "base"), "configs": {name: configure(folder, name) for name in OPTIONS}}
    (folder / "cases.json").write_text(json.dumps(cases))
    run_in_axolotl("anchor_measures.py", folder)
    measurements: dict[str, Any] = json.loads((folder / "measured.json").read_text())
    return measurements


@pytest.mark.parametrize("name", ["rows", "packed"])
def test_loss_and_gradient_are_those_of_the_definition(measured: dict[str, Any], name: str) -> None:
    compared = measured["compared"][name]
    assert compared["trainer"] == "AnchoredTrainer"
    start, learned = compared["start"], compared["learned"]
    assert start["ours"] == pytest.approx(start["plain"], rel=1e-5)  # nothing has moved yet
    assert learned["ours"] == pytest.approx(learned["naive"], rel=1e-5)
    assert learned["naive"] > learned["plain"] + 0.001
    assert learned["gradient_error"] < 1e-3 < 10 * learned["gradient_change"]


@pytest.mark.parametrize("name", ["rows", "packed"])
def test_an_evaluation_has_the_plain_loss(measured: dict[str, Any], name: str) -> None:
    compared = measured["compared"][name]
    assert compared["evaluated"] == pytest.approx(compared["learned"]["plain"], rel=1e-5)


@pytest.mark.parametrize("name", ["rows", "packed"])
def test_micro_batches_of_an_update_count_by_their_tokens(measured: dict[str, Any], name: str) -> None:
    shared, alone = measured["compared"][name]["whole"]
    assert shared == pytest.approx(alone, rel=1e-5)
    assert alone == pytest.approx(measured["compared"][name]["learned"]["naive"], rel=1e-5)


def test_asking_the_base_leaves_mode_adapter_and_random_numbers_as_they_are(measured: dict[str, Any]) -> None:
    assert measured["random_numbers_kept"]
    assert all(compared["trained"] for compared in measured["compared"].values())


def test_chunks_of_tokens_add_up(measured: dict[str, Any]) -> None:
    chunked, whole, none = measured["chunks"]
    assert chunked == pytest.approx(whole, rel=1e-5)
    assert none == pytest.approx(0, abs=1e-4)


def test_a_training_in_bf16_logs_the_divergence_and_learns(measured: dict[str, Any]) -> None:
    steps = [line for line in measured["logged"] if "loss" in line]
    assert steps[0]["kl"] == pytest.approx(0, abs=1e-3)
    assert steps[-1]["kl"] > 0.001
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert any("eval_loss" in line for line in measured["logged"])
