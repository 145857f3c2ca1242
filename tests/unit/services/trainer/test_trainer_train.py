"""Configuration, checks and outcomes of a training; the real Axolotl runs in tests/e2e."""

from pathlib import Path

import pytest

from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.contracts import TrainRequest
from scriptorium.errors import (
    EnvironmentMissing,
    InvalidRecipe,
    TooFewExamples,
)
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import ResolvedTraining, Training
from services.trainer import train
from services.trainer.run import axolotl, rows

pytestmark = pytest.mark.usefixtures("words")


def row(words: int = 10) -> Row:
    passage = " ".join(["word"] * words)
    return Row(messages=[{"role": "user", "content": "Write."}, {"role": "assistant", "content": passage}], chapter="1")


def request(tmp_path: Path, **training: object) -> TrainRequest:
    return TrainRequest(dataset=tmp_path, base=tmp_path / "base", training=Training.model_validate(training))


def config(tmp_path: Path, *, gpu: bool = False, dev: int = 2, **training: object) -> dict[str, object]:
    rows = axolotl.TrainingRows([row()] * 40, [9] * 40, [row()] * dev)
    return axolotl.make_config(
        request(tmp_path, **training), ResolvedTraining(**training), tmp_path / "run", rows, gpu=gpu
    )


def test_a_dataset_without_rows_is_refused_before_axolotl_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "axolotl").touch()
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(tmp_path))
    with pytest.raises(TooFewExamples, match="holds no rows to train on") as caught:
        train.train_adapter(request(tmp_path), tmp_path, SilentReporter())
    assert "scriptorium prepare" in str(caught.value.next_step)


def test_the_recipe_is_axolotls_configuration(tmp_path: Path) -> None:
    options = config(tmp_path, gpu=True, adapter="qlora", lora_r=64, learning_rate=2e-4)
    expected = {"adapter": "qlora", "load_in_4bit": True, "lora_r": 64, "learning_rate": 2e-4}
    assert options.items() >= expected.items()
    assert options["special_tokens"] == {"eos_token": "<|im_end|>"}
    assert options["chat_template"] == "tokenizer_default"
    assert options["datasets"][0]["roles_to_train"] == ["assistant"]  # type: ignore[index]
    assert "lora_mlp_kernel" not in options
    assert options["max_steps"] == 15  # Axolotl's own number leaves out rows of the last epoch
    assert options["trust_remote_code"] is False, "said, not left to a default"


def test_a_cpu_has_no_kernels(tmp_path: Path) -> None:
    options = config(tmp_path, adapter="lora")
    assert options["lora_mlp_kernel"] is options["lora_qkv_kernel"] is options["lora_o_kernel"] is False
    assert options["load_in_4bit"] is False


def test_checkpoints_are_spread_over_the_run(tmp_path: Path) -> None:
    assert config(tmp_path, max_steps=45, checkpoints=3)["save_steps"] == 15
    by_epochs = config(tmp_path, num_epochs=3, gradient_accumulation_steps=8, checkpoints=4)
    assert by_epochs["save_steps"] == by_epochs["eval_steps"] == 4  # 5 updates an epoch, 15 in all
    assert "eval_steps" not in config(tmp_path, dev=0)


def test_rows_that_would_be_cut_are_refused_with_their_numbers(tmp_path: Path) -> None:
    with pytest.raises(InvalidRecipe) as caught:
        rows.check_lengths(request(tmp_path, sequence_len=128), [row(10), row(200), row(300)])
    assert [problem.place for problem in caught.value.problems] == ["train.jsonl, row 2", "train.jsonl, row 3"]


def test_a_missing_axolotl_is_reported_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(tmp_path / "none"))
    write_rows(tmp_path / "train.jsonl", [row()])
    with pytest.raises(EnvironmentMissing, match="Axolotl is not installed") as caught:
        train.train_adapter(request(tmp_path), tmp_path, SilentReporter())
    assert caught.value.next_step == "Run `make setup`."


def test_the_bases_weights_are_hashed_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").touch()
    assert train.hash_base(tmp_path, SilentReporter()) == {
        "model.safetensors": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    }
