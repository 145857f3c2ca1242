"""Our merge against PEFT's merge_and_unload, on real Llama modules and adapters that PEFT itself saved.

PEFT runs in Axolotl's environment as a child process. Both sides compute W + scale * (B @ A) in fp32, but add the r
products of each value up in another order (torch's matmul and numpy's differ). Such sums of r = 8 products differ by at
most 2 (r + 2) 2^-24 = 1.2e-6 of the sum of their absolute values, and by about a tenth of that in practice.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file

from scriptorium import manifest
from scriptorium.contracts import MergeRequest
from scriptorium.report import SilentReport
from services.merger.merge import merge_adapter

HERE = Path(__file__).parent
PYTHON = Path(os.environ.get("SCRIPTORIUM_AXOLOTL_PYTHON", HERE.parents[1] / ".envs/axolotl/bin/python"))
KINDS = ("plain", "rslora", "patterns")

pytestmark = [
    pytest.mark.environments,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"the Axolotl environment is not there: {PYTHON}"),
]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders that PEFT wrote."""
    folder = tmp_path_factory.mktemp("peft")
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""}
    script = [str(PYTHON), str(HERE / "peft_reference.py"), str(folder)]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    return folder


def merge(case: Path, target: Path) -> dict[str, NDArray[Any]]:
    """Our merge of a case."""
    training = target / "training"
    checkpoint = training / "checkpoints" / "checkpoint-1"
    checkpoint.parent.mkdir(parents=True)
    (case / "adapter").rename(checkpoint)
    (checkpoint / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
    manifest.write(checkpoint, {"step": 1, "created_at": 0, "train_loss": None, "dev_loss": None})
    folder = target / "merged"
    folder.mkdir()
    result = merge_adapter(MergeRequest(base=case / "base", training=training), folder, SilentReport())
    assert result.merged_tensors == 14
    tensors: dict[str, NDArray[Any]] = load_file(folder / "model.safetensors")
    return tensors


def ordinal(values: NDArray[Any]) -> NDArray[np.int32]:
    """Consecutive whole numbers for consecutive bf16 values."""
    bits = values.view(np.uint16).astype(np.int32)
    return np.where(bits & 0x8000, 0x8000 - bits, bits)


@pytest.mark.parametrize("kind", KINDS)
def test_fp32_within_the_noise_of_a_sum(cases: Path, tmp_path: Path, kind: str) -> None:
    case = cases / f"{kind}-fp32"
    base, theirs = load_file(case / "base/model.safetensors"), load_file(case / "merged/model.safetensors")
    ours = merge(case, tmp_path)
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        assert np.abs(ours[name] - expected).max() <= 1e-6 * np.abs(expected).max(), name
        assert np.array_equal(ours[name], base[name]) == ("_proj" not in name), name


@pytest.mark.parametrize("kind", KINDS)
def test_bf16_within_one_rounding_step(cases: Path, tmp_path: Path, kind: str) -> None:
    case = cases / f"{kind}-bf16"
    theirs = load_file(case / "merged/model.safetensors")
    ours = merge(case, tmp_path)
    assert ours.keys() == theirs.keys()
    for name, expected in theirs.items():
        steps = np.abs(ordinal(ours[name]) - ordinal(expected.astype(ml_dtypes.bfloat16)))
        assert steps.max() <= 1, name
        assert (steps > 0).mean() < 0.001, name  # only sums that lie on a tie may round to the other side
