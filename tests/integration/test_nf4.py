"""Our NF4 round trip has the bits of bitsandbytes', on a model that is loaded in 4 bits in Axolotl's environment."""

from __future__ import annotations

import json
from pathlib import Path

import ml_dtypes  # noqa: F401 - registers bf16 with numpy
import numpy as np
import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from safetensors.numpy import load_file, save_file

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoint_losses import BaseLosses, CheckpointLosses, SummedLoss, checkpoint_losses_path
from scriptorium.contracts import MergeRequest
from scriptorium.jobs.reporter import SilentReporter
from services.merger.merge import merge_adapter

pytestmark = AXOLOTL_MARKS


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a training with a 4-bit base and an adapter that adds nothing, and the expected weights."""
    root = tmp_path_factory.mktemp("nf4")
    run_in_axolotl("nf4_reference.py", root)
    folder = root / "checkpoints" / "checkpoint-1"
    folder.mkdir(parents=True)
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    a, b = np.ones((2, 192), np.float32), np.zeros((192, 2), np.float32)
    save_file({f"{module}.lora_A.weight": a, f"{module}.lora_B.weight": b}, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2}))
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
    manifest.write(folder, {"step": 1, "created_at": 0, "train_loss": None, "dev_loss": None})
    return root


def merged(training: Path, folder: Path, stored: float, nf4: float) -> dict[str, np.ndarray]:
    """Merge with these measured losses, and return the tensors."""
    on = {name: BaseLosses(passages=[SummedLoss(loss=loss, tokens=1)], references=[]) for name, loss in
          (("stored", stored), ("nf4", nf4))}  # fmt: skip
    path = checkpoint_losses_path(training, 1)
    path.parent.mkdir(exist_ok=True)
    path.write_text(CheckpointLosses.model_validate({"step": 1, "bases": on}).model_dump_json())
    folder.mkdir()
    result = merge_adapter(MergeRequest(base=training / "base", training=training), folder, SilentReporter())
    assert result.base_losses == {"stored": stored, "nf4": nf4}
    assert result.base == min(result.base_losses, key=result.base_losses.__getitem__)
    tensors: dict[str, np.ndarray] = load_file(folder / "model.safetensors")
    return tensors


def test_only_weights_that_were_4_bit_take_bitsandbytes_round_trip(training: Path, tmp_path: Path) -> None:
    expected, base = load_file(training / "expected.safetensors"), load_file(training / "base" / "model.safetensors")
    assert len(expected) == 14
    tensors = merged(training, tmp_path / "nf4", stored=3.2, nf4=3.1)
    assert tensors.keys() == base.keys()
    for name, array in tensors.items():
        assert array.tobytes() == expected.get(name, base[name]).tobytes(), name
    assert any(tensors[name].tobytes() != base[name].tobytes() for name in expected)


def test_the_stored_base_is_not_changed_if_it_is_better(training: Path, tmp_path: Path) -> None:
    base = load_file(training / "base" / "model.safetensors")
    for name, array in merged(training, tmp_path / "stored", stored=3.1, nf4=3.2).items():
        assert array.tobytes() == base[name].tobytes(), name
