"""Which GPUs a training uses, and whose loss."""

from pathlib import Path

import pytest

from scriptorium.errors import InvalidRecipe
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import ResolvedTraining, Training
from scriptorium.settings import Settings
from services.trainer.run.launch import choose_gpus, choose_loss, show_gpus


def settings(device: str = "cuda", gpus: str = "0,1") -> Settings:
    return Settings.model_validate({"device": device, "gpus": gpus})


def test_one_gpu_is_shown_although_there_are_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpus = choose_gpus(Training(), settings(gpus="1,2"))
    assert gpus == ["1"]
    assert show_gpus(gpus) == {"CUDA_VISIBLE_DEVICES": "1"}
    assert choose_gpus(Training(fsdp=True), settings(gpus="1,2")) == ["1", "2"]


def test_a_lease_comes_before_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert choose_gpus(Training(), settings()) == ["3"]
    with pytest.raises(InvalidRecipe, match="needs several GPUs, and 1 can be used"):
        choose_gpus(Training(fsdp=True), settings())


def test_a_cpu_shows_nothing() -> None:
    assert show_gpus(choose_gpus(Training(fsdp=True), settings(device="cpu"))) == {}


def test_a_missing_library_is_replaced_with_a_word(tmp_path: Path) -> None:
    training = ResolvedTraining(cut_cross_entropy=True)
    reporter = SilentReporter()
    chosen = choose_loss(training, tmp_path, reporter)
    assert (chosen.cut_cross_entropy, chosen.liger) == (False, True)
    assert "no cut_cross_entropy" in reporter.messages[0]
    (tmp_path / "lib/python3.12/site-packages/cut_cross_entropy/transformers").mkdir(parents=True)
    assert choose_loss(training, tmp_path, reporter) == training
    assert len(reporter.messages) == 1
