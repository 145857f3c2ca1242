"""The recipe of a job that names none, with cards that are not here."""

from pathlib import Path

import pytest

from scriptorium.planning import default_recipe
from scriptorium.planning.default_recipe import choose_default_recipe
from scriptorium.process.device_memory import GIB, DeviceMemory
from scriptorium.settings import Settings


def settings(tmp_path: Path, **values: str) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "device": "cuda", "gpus": "0", **values})


@pytest.mark.parametrize(
    ("gib", "recipe"),
    [
        ([31.8], "lora"),  # RTX 5090
        ([79.2], "lora"),  # H100
        ([23.6], "qlora"),  # RTX 4090
        ([15.9], "qlora-16gb"),  # RTX 4080
        ([11.6], "qlora-16gb"),
        ([31.8, 23.6], "qlora"),  # the job may run on either
    ],
)
def test_the_default_follows_the_smallest_card(gib: list[float], recipe: str, tmp_path: Path, project: Path) -> None:
    assert choose_default_recipe(settings(tmp_path), [int(size * GIB) for size in gib]) == recipe
    assert (project / "recipes" / f"{recipe}.yaml").exists()


def test_the_card_is_read_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {0: DeviceMemory(free=GIB, total=32 * GIB), 1: DeviceMemory(free=GIB, total=16 * GIB)}
    monkeypatch.setattr(default_recipe, "read_device_memory", cards.get)
    assert choose_default_recipe(settings(tmp_path)) == "lora"
    assert choose_default_recipe(settings(tmp_path, gpus="0,1")) == "qlora-16gb"
    assert choose_default_recipe(settings(tmp_path, gpus="7")) == "qlora"  # the driver does not tell


def test_without_a_gpu_it_is_cpu(tmp_path: Path) -> None:
    assert choose_default_recipe(settings(tmp_path, device="cpu")) == "cpu"
    assert choose_default_recipe(settings(tmp_path, device="cpu", default_recipe="")) == "cpu"


def test_the_setting_comes_first(tmp_path: Path) -> None:
    assert choose_default_recipe(settings(tmp_path, default_recipe="lora-fsdp"), [GIB]) == "lora-fsdp"
    assert choose_default_recipe(settings(tmp_path, device="cpu", default_recipe="qlora")) == "qlora"
