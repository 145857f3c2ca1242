"""A light copy of an adapter: hard links, another alpha, and what a factor does not scale."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.errors import InvalidRequest
from scriptorium.models.scaled_adapter import ADAPTER_CONFIG, ADAPTER_WEIGHTS, scale_adapter, scale_alphas

A = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"


def write_adapter(folder: Path, *names: str, **config: object) -> Path:
    folder.mkdir()
    save_file({name: np.ones((2, 2), np.float32) for name in (A, *names)}, folder / ADAPTER_WEIGHTS)
    (folder / ADAPTER_CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 32} | config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "optimizer.pt").write_text("large")
    return folder


def test_the_tensors_are_the_same_file_and_only_alpha_differs(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter", alpha_pattern={"q_proj": 3}, use_rslora=True)
    target = tmp_path / "copies" / "0.5"
    scale_adapter(adapter, 0.5, target)
    assert sorted(path.name for path in target.iterdir()) == [ADAPTER_CONFIG, ADAPTER_WEIGHTS, "tokenizer.json"]
    assert (target / ADAPTER_WEIGHTS).samefile(adapter / ADAPTER_WEIGHTS)
    before, after = (json.loads((folder / ADAPTER_CONFIG).read_text()) for folder in (adapter, target))
    assert after == before | {"lora_alpha": 16, "alpha_pattern": {"q_proj": 1.5}}
    assert [path.name for path in target.parent.iterdir()] == ["0.5"], "nothing unfinished is left"


def test_a_copy_that_is_there_is_left_alone(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter")
    scale_adapter(adapter, 0.5, tmp_path / "copy")
    inode = (tmp_path / "copy" / ADAPTER_CONFIG).stat().st_ino
    scale_adapter(adapter, 0.5, tmp_path / "copy")
    assert (tmp_path / "copy" / ADAPTER_CONFIG).stat().st_ino == inode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter", "copy"]


def test_a_linked_adapter_as_in_the_hubs_cache_is_followed(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter")
    weights = adapter / ADAPTER_WEIGHTS
    weights.rename(tmp_path / "blob")
    weights.symlink_to(Path("..") / "blob")
    scale_adapter(adapter, 1.5, tmp_path / "deeper" / "copy")
    assert (tmp_path / "deeper" / "copy" / ADAPTER_WEIGHTS).samefile(tmp_path / "blob")


@pytest.mark.parametrize("strength", [0.0, -1.0, 1.51, float("nan"), float("inf")])
def test_a_strength_has_bounds(tmp_path: Path, strength: float) -> None:
    with pytest.raises(InvalidRequest, match=r"above 0 and at most 1\.5"):
        scale_adapter(write_adapter(tmp_path / "adapter"), strength, tmp_path / "copy")
    assert not (tmp_path / "copy").exists()


def test_what_a_factor_does_not_scale_is_refused_with_every_reason(tmp_path: Path) -> None:
    adapter = write_adapter(tmp_path / "adapter", "base_model.model.lm_head.weight", use_dora=True)
    with pytest.raises(InvalidRequest) as caught:
        scale_adapter(adapter, 0.7, tmp_path / "copy")
    assert [problem.place for problem in caught.value.problems] == [
        "adapter_config.json.use_dora",
        "base_model.model.lm_head.weight",
    ]
    assert caught.value.next_step == "Take it at strength 1."
    scale_adapter(adapter, 1.0, tmp_path / "whole")


@pytest.mark.parametrize("broken", [ADAPTER_CONFIG, ADAPTER_WEIGHTS])
def test_a_folder_that_is_no_adapter_is_named(tmp_path: Path, broken: str) -> None:
    adapter = write_adapter(tmp_path / "adapter")
    (adapter / broken).write_text("[]")
    with pytest.raises(InvalidRequest, match=f"no LoRA adapter in adapter: its {broken}"):
        scale_adapter(adapter, 0.7, tmp_path / "copy")


def test_whole_numbers_stay_whole() -> None:
    assert scale_alphas(32, {"q_proj": 3}, 0.5) == {"lora_alpha": 16, "alpha_pattern": {"q_proj": 1.5}}
    assert isinstance(scale_alphas(32.0, None, 0.5)["lora_alpha"], int)
    assert "alpha_pattern" not in scale_alphas(32, None, 0.5)
