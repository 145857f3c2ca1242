"""What a model folder's files tell before an engine is started: config, index, shards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.errors import BaseModelUnusable
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.base_models import obtain_model
from scriptorium.models.weights import check_servable

SHARDS = [f"model-0000{number}-of-00003.safetensors" for number in (1, 2, 3)]


def write_folder(folder: Path, names: list[str], *, indexed: bool = False) -> Path:
    """Write a model folder with a tensor in each shard."""
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"]}))
    for name in names:
        save_file({name: np.zeros(8, np.float32)}, folder / name)
    if indexed:
        (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {name: name for name in names}}))
    return folder


def places(folder: Path) -> list[str]:
    """Return the places of all problems of a folder."""
    with pytest.raises(BaseModelUnusable) as caught:
        check_servable(folder)
    assert str(folder.parent) not in str(caught.value)
    return [problem.place for problem in caught.value.problems] or [caught.value.param or ""]


@pytest.mark.parametrize(("names", "indexed"), [(["model.safetensors"], False), (SHARDS, True), (SHARDS, False)])
def test_what_an_engine_can_load_passes(tmp_path: Path, names: list[str], indexed: bool) -> None:
    check_servable(write_folder(tmp_path, names, indexed=indexed))


@pytest.mark.parametrize("indexed", [True, False])
def test_missing_and_truncated_shards_are_all_named_with_and_without_an_index(tmp_path: Path, indexed: bool) -> None:
    write_folder(tmp_path, SHARDS, indexed=indexed)
    (tmp_path / SHARDS[0]).unlink()
    (tmp_path / SHARDS[2]).write_bytes((tmp_path / SHARDS[2]).read_bytes()[:-5])
    assert places(tmp_path) == [SHARDS[0], SHARDS[2]]


def test_a_folder_without_weights_or_config_or_architecture(tmp_path: Path) -> None:
    assert places(write_folder(tmp_path, [])) == ["model.safetensors"]
    (tmp_path / "config.json").write_text("{}")
    assert places(tmp_path) == ["config.json"]
    (tmp_path / "config.json").write_text("{")
    assert places(tmp_path) == ["config.json"]
    (tmp_path / "config.json").unlink()
    assert places(tmp_path) == ["config.json"]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin", "model.pt", "model.ckpt"])
def test_pickled_weights_are_refused_before_anything_loads_them(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "small", [name])
    assert places(folder) == [name]
    with pytest.raises(BaseModelUnusable, match="can run code") as caught:
        obtain_model("small", tmp_path, SilentReporter())
    assert caught.value.next_step
    write_folder(tmp_path / "small", ["model.safetensors"])
    check_servable(folder)
    assert obtain_model("small", tmp_path, SilentReporter()) == folder


def test_a_stray_tensor_file_does_not_cover_up_pickled_weights(tmp_path: Path) -> None:
    """A loader looks for model.safetensors or its index, and takes the pickle if there is neither."""
    assert places(write_folder(tmp_path, ["other.safetensors", "pytorch_model.bin"])) == ["pytorch_model.bin"]
