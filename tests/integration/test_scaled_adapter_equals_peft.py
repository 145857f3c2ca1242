"""A light copy of an adapter against PEFT's own scaling, and against the merge at that strength.

PEFT runs in Axolotl's environment as a child process. It reads another alpha from the copy's configuration, so the
scaling is the same up to one rounding of a double, and the logits are the same up to fp32's. The merged weights are
rounded to bf16 once.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from numpy.typing import NDArray
from safetensors.numpy import load_file

from scriptorium.artifacts import manifest
from scriptorium.artifacts.checkpoints import SCALED_ADAPTER
from scriptorium.contracts import MergeRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.scaled_adapter import ADAPTER_CONFIG, scale_adapter
from services.merger.merge import merge_adapter

KINDS = ("plain", "rslora", "patterns")
STRENGTH = 0.7

pytestmark = AXOLOTL_MARKS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Bases, adapters, our copies and merges of each kind, and the logits of them all."""
    folder = tmp_path_factory.mktemp("scaled")
    (folder / "strength").write_text(str(STRENGTH))
    run_in_axolotl("scaled_reference.py", folder)
    for kind in KINDS:
        scale_adapter(folder / kind / "adapter", STRENGTH, folder / kind / "copy")
        merge_at_strength(folder / kind)
    run_in_axolotl("scaled_reference.py", folder)
    return folder


def merge_at_strength(case: Path) -> None:
    """Merge the adapter, as the checkpoint of a training, into the case's folder "ours"."""
    checkpoint = case / "training" / "checkpoints" / "checkpoint-1"
    scale_adapter(case / "adapter", 1.0, checkpoint)
    (checkpoint / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
    manifest.write(checkpoint, {"step": 1, "created_at": 0, "train_loss": None, "dev_loss": None})
    (case / "ours").mkdir()
    request = MergeRequest(base=case / "base", training=case / "training", strength=STRENGTH)
    merge_adapter(request, case / "ours", SilentReporter())


def logits(case: Path, name: str) -> NDArray[np.float32]:
    """Load the logits of one model of a case."""
    array: NDArray[np.float32] = load_file(case / f"{name}.logits.safetensors")["logits"]
    return array


@pytest.mark.parametrize("kind", KINDS)
def test_the_copy_is_pefts_adapter_with_its_scaling_multiplied(folder: Path, kind: str) -> None:
    scaled, copy = logits(folder / kind, "scaled"), logits(folder / kind, "copy")
    assert np.abs(copy - scaled).max() <= 1e-6 * np.abs(scaled).max()
    whole = logits(folder / kind, "whole")
    assert np.abs(whole - scaled).max() > 1e-2 * np.abs(scaled).max(), "the strength must make a difference here"


@pytest.mark.parametrize("kind", KINDS)
def test_the_merge_at_that_strength_is_the_copy_within_bf16(folder: Path, kind: str) -> None:
    ours, copy = logits(folder / kind, "ours"), logits(folder / kind, "copy")
    assert np.abs(ours - copy).max() <= 3e-2 * np.abs(copy).max()


def test_a_merge_lays_the_same_copy_beside_the_model(folder: Path) -> None:
    for kind in KINDS:
        merged, copy = folder / kind / "ours" / SCALED_ADAPTER, folder / kind / "copy"
        assert (merged / ADAPTER_CONFIG).read_bytes() == (copy / ADAPTER_CONFIG).read_bytes()
