"""Configuration, checks and outcomes of a training; the real Axolotl runs in tests/e2e."""

import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from scriptorium.artifacts import manifest
from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.artifacts.training_log import append_to_log
from scriptorium.contracts import Checkpoint, TrainRequest
from scriptorium.errors import (
    Cancelled,
    EnvironmentMissing,
    Interrupted,
    InvalidRecipe,
    OutOfMemory,
    TooFewExamples,
    TrainingFailed,
)
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.process.child import Child
from scriptorium.recipe import ResolvedTraining, Training
from services.trainer import train
from services.trainer.run import axolotl
from services.trainer.run.progress import TrainingProgress


@pytest.fixture(autouse=True)
def words(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tokenizer that counts words."""
    tokenizer = SimpleNamespace(
        end_of_turn="<|im_end|>",
        render=lambda messages: " ".join(message["content"] for message in messages),
        count=lambda texts: [len(text.split()) for text in texts],
    )
    monkeypatch.setattr(axolotl, "chat_tokenizer", lambda folder: tokenizer)
    monkeypatch.setattr(train, "chat_tokenizer", lambda folder: tokenizer)


def row(words: int = 10) -> Row:
    passage = " ".join(["word"] * words)
    return Row(messages=[{"role": "user", "content": "Write."}, {"role": "assistant", "content": passage}], chapter="1")


def request(tmp_path: Path, **training: object) -> TrainRequest:
    return TrainRequest(dataset=tmp_path, base=tmp_path / "base", training=Training.model_validate(training))


def config(tmp_path: Path, *, gpu: bool = False, dev: int = 2, **training: object) -> dict[str, object]:
    rows, dev_rows = [row()] * 40, [row()] * dev
    return axolotl.make_config(
        request(tmp_path, **training), ResolvedTraining(**training), tmp_path / "run", rows, dev_rows, gpu=gpu
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
    assert "max_steps" not in options
    assert "trust_remote_code" not in json.dumps(options)


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
        train.check_lengths(request(tmp_path, sequence_len=128), [row(10), row(200), row(300)])
    assert [problem.place for problem in caught.value.problems] == ["train.jsonl, row 2", "train.jsonl, row 3"]


def test_a_missing_axolotl_is_reported_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_AXOLOTL_ENV", str(tmp_path / "none"))
    write_rows(tmp_path / "train.jsonl", [row()])
    with pytest.raises(EnvironmentMissing, match="Axolotl is not installed") as caught:
        train.train_adapter(request(tmp_path), tmp_path, SilentReporter())
    assert caught.value.next_step == "Run `make setup`."


@pytest.mark.parametrize(
    ("log", "error"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB", OutOfMemory),
        ("ValueError: no rows are left", TrainingFailed),
        ("", TrainingFailed),
    ],
)
def test_a_training_that_ended_early_names_its_step_and_settings(
    log: str, error: type[Exception], tmp_path: Path
) -> None:
    (tmp_path / "axolotl.log").write_text(log)
    progress = TrainingProgress(SilentReporter())
    progress.step = 12
    with pytest.raises(error, match=r"at step 12 \(qlora, rank 64, micro-batch 1, accumulation 8, sequence_len 4096\)"):
        train.collect_result(tmp_path, progress, ResolvedTraining(), SilentReporter(), 1.0)


class SecondCheckReporter(SilentReporter):
    """Stops the work at the second check."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason, self.checks = reason, 0

    def check(self) -> None:
        self.checks += 1
        if self.checks > 1:
            raise self.reason


def test_a_cancelled_training_ends_at_once(tmp_path: Path) -> None:
    child = Child([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path / "log", {})
    started = time.monotonic()
    with pytest.raises(Cancelled):
        train.run(child, tmp_path, SecondCheckReporter(Cancelled("enough")))
    assert time.monotonic() - started < 5
    assert child.returncode is not None
    assert not (tmp_path / "control").exists()


def test_a_shutdown_waits_for_a_checkpoint(tmp_path: Path) -> None:
    """A stand-in for the plugin writes the checkpoint as soon as the control file asks for it."""
    script = (
        "import sys, time; from pathlib import Path\n"
        "folder = Path(sys.argv[1])\n"
        "while not (folder / 'control').exists(): time.sleep(0.05)\n"
        "assert (folder / 'control').read_text() == 'pause'\n"
        "(folder / 'asked').touch(); time.sleep(60)"
    )
    child = Child([sys.executable, "-c", script, tmp_path], tmp_path / "log", {})
    reporter = SecondCheckReporter(Interrupted("shutdown"))
    append_to_log(tmp_path / "metrics.jsonl", [{"step": 3, "max_steps": 6, "loss": 3.0}])
    checkpoint = tmp_path / "checkpoints" / "checkpoint-3"
    checkpoint.mkdir(parents=True)

    def save() -> None:
        while not (tmp_path / "asked").exists():
            time.sleep(0.05)
        manifest.write(checkpoint, {"step": 3, "created_at": 0})

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        saved = pool.submit(save)
        began = time.monotonic()
        with pytest.raises(Interrupted):
            train.run(child, tmp_path, reporter)
        saved.result(timeout=5)
    assert time.monotonic() - began < 8
    assert child.wait(timedelta(seconds=1)) is not None


NAN = float("nan")


def checkpoint(dev_loss: float | None) -> Checkpoint:
    return Checkpoint(step=2, created_at=0, dev_loss=dev_loss)


def test_a_nan_loss_fails_with_the_step_and_what_to_change() -> None:
    with pytest.raises(TrainingFailed, match=r"NaN or infinite at step 3 .*learning rate 0\.0002") as caught:
        train.check_diverged([3.1, 3.0, NAN, NAN], checkpoint(None), ResolvedTraining(), SilentReporter())
    assert caught.value.next_step == "Halve learning_rate in the recipe, then create the job again."


def test_a_good_earlier_checkpoint_is_used() -> None:
    reporter = SilentReporter()
    train.check_diverged([3.1, 3.0, float("inf")], checkpoint(2.9), ResolvedTraining(), reporter)
    assert reporter.messages[0].endswith("checkpoint-2 is from before.")


@pytest.mark.parametrize("losses", [[], [3.1], [NAN, 3.0]])
def test_a_training_that_ends_with_a_number_has_not_diverged(losses: list[float]) -> None:
    reporter = SilentReporter()
    train.check_diverged(losses, checkpoint(None), ResolvedTraining(), reporter)
    assert reporter.messages == []


def test_the_bases_weights_are_hashed_by_name(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "config.json").touch()
    assert train.hash_base(tmp_path, SilentReporter()) == {
        "model.safetensors": "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    }
