"""Which GPUs a training uses, and whose loss."""

from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.errors import InvalidRecipe
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import ResolvedTraining, Training
from scriptorium.settings import Settings
from services.trainer.run import launch
from services.trainer.run.launch import choose_gpus, choose_loss, show_gpus, start_program


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


def test_a_program_sees_the_training_s_first_gpu_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES $WORD $*"\n')
    python.chmod(0o755)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    chosen = settings(gpus="1,2").model_copy(update={"axolotl_env": tmp_path / "env"})
    monkeypatch.setattr(launch, "get_settings", lambda: chosen)
    child = start_program("a.program", tmp_path / "order.json", tmp_path / "log", Training(fsdp=True), {"WORD": "yes"})
    assert child.wait(timedelta(seconds=10)) == 0
    assert (tmp_path / "log").read_text() == f"1 yes -m a.program {tmp_path}/order.json\n"
