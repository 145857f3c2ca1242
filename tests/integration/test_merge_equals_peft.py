"""Our merge against PEFT's merge_and_unload, on real modules and adapters that PEFT itself saved.

PEFT runs in Axolotl's environment as a child process. Both sides compute W + scale * (B @ A) in fp32, but may add the r
products of each value in another order (torch's matmul and numpy's differ). Such sums of r = 8 products differ by at
most 2 (r + 2) 2^-24 = 1.2e-6 of the sum of their absolute values, and by about a tenth of that in practice. If all
values lie on a coarse grid, every order gives the same sum, so there the bits must be PEFT's.

In three cases PEFT's merge is not the model that was trained: an adapter on only one of two tied embeddings is merged
into both, one on both is merged twice. There the merged model must have the logits of PEFT's model before its merge.
"""

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from numpy.typing import NDArray
from safetensors.numpy import load_file

from scriptorium.artifacts import manifest
from scriptorium.contracts import MergeRequest, MergeResult
from scriptorium.jobs.reporter import SilentReporter
from services.merger.merge import merge_adapter

TARGETS = {"plain": 14, "rslora": 14, "patterns": 14, "dora": 14, "saved": 14, "embeddings": 16, "embeddings_dora": 15,
           "resized": 14, "conv": 8, "conv_dora": 8, "tied_resized": 14, "tied_saved_together": 14,
           "tied_saved_apart": 14, "tied_saved_head": 14}  # fmt: skip
LOGITS_ONLY = {"tied_embeddings": 15, "tied_embeddings_together": 15, "tied_head": 15}
KINDS = TARGETS | LOGITS_ONLY
TYPES = ("bf16", "fp32", "exact")

Tensors = dict[str, NDArray[Any]]

pytestmark = AXOLOTL_MARKS


class Cases:
    """PEFT's files and our merge of each case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results: dict[str, MergeResult] = {}
        run_in_axolotl("peft_reference.py", folder)
        for kind in KINDS:
            for precision in TYPES:
                self.results[f"{kind}-{precision}"] = merge(folder / f"{kind}-{precision}")
        run_in_axolotl("peft_reference.py", folder, *(str(folder / name / "ours") for name in self.results))

    def tensors(self, case: str, part: str) -> Tensors:
        """Load the tensors of a case's "base", "merged" (by PEFT) or "ours"."""
        tensors: Tensors = load_file(self.folder / case / part / "model.safetensors")
        return tensors

    def logits(self, case: str, file: str) -> NDArray[Any]:
        """Load "logits", PEFT's before its merge, or "ours.logits", those of our merged model in transformers."""
        logits: NDArray[Any] = load_file(self.folder / case / f"{file}.safetensors")["logits"]
        return logits


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Cases:
    return Cases(tmp_path_factory.mktemp("peft"))


def merge(case: Path) -> MergeResult:
    """Merge a case into its folder "ours"."""
    checkpoint = case / "training" / "checkpoints" / "checkpoint-1"
    checkpoint.parent.mkdir(parents=True)
    (case / "adapter").rename(checkpoint)
    (checkpoint / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {"a": 0}}}))
    (checkpoint / "tokenizer_config.json").write_text(json.dumps({"chat_template": "x"}))
    manifest.write(checkpoint, {"step": 1, "created_at": 0, "train_loss": None, "dev_loss": None})
    folder = case / "ours"
    folder.mkdir()
    return merge_adapter(MergeRequest(base=case / "base", training=case / "training"), folder, SilentReporter())


def ordinal(values: NDArray[Any]) -> NDArray[np.int32]:
    """Map consecutive bf16 values to consecutive integers."""
    bits = values.view(np.uint16).astype(np.int32)
    return np.where(bits & 0x8000, 0x8000 - bits, bits)


@pytest.mark.parametrize("kind", TARGETS)
def test_the_bits_where_every_sum_is_exact(cases: Cases, kind: str) -> None:
    ours, pefts = cases.tensors(f"{kind}-exact", "ours"), cases.tensors(f"{kind}-exact", "merged")
    assert ours.keys() == pefts.keys()
    for name, expected in pefts.items():
        assert ours[name].tobytes() == expected.tobytes(), name


@pytest.mark.parametrize("kind", TARGETS)
def test_fp32_within_the_noise_of_a_sum(cases: Cases, kind: str) -> None:
    case = f"{kind}-fp32"
    base, ours, pefts = (cases.tensors(case, part) for part in ("base", "ours", "merged"))
    assert ours.keys() == pefts.keys()
    for name, expected in pefts.items():
        assert np.abs(ours[name] - expected).max() <= 1e-6 * np.abs(expected).max(), name
    embeddings = base.get("model.embed_tokens.weight")  # the values of a tied output layer
    changed = {name for name in ours if not np.array_equal(ours[name], base.get(name, embeddings))}
    assert len(changed) == cases.results[case].merged_tensors + cases.results[case].saved_tensors


@pytest.mark.parametrize("kind", TARGETS)
def test_bf16_within_one_rounding_step(cases: Cases, kind: str) -> None:
    ours, pefts = cases.tensors(f"{kind}-bf16", "ours"), cases.tensors(f"{kind}-bf16", "merged")
    assert ours.keys() == pefts.keys()
    for name, expected in pefts.items():
        steps = np.abs(ordinal(ours[name]) - ordinal(expected.astype(ml_dtypes.bfloat16)))
        assert steps.max() <= 1, name
        assert (steps > 0).mean() < 0.001, name  # only sums that lie on a tie may round to the other side


@pytest.mark.parametrize("kind", KINDS)
def test_transformers_loads_it_and_it_has_the_adapters_logits(cases: Cases, kind: str) -> None:
    """No weight is missing or left over; `peft_reference.py` checks that."""
    for precision, tolerance in (("fp32", 1e-5), ("bf16", 3e-2)):
        case = f"{kind}-{precision}"
        ours, pefts = cases.logits(case, "ours.logits"), cases.logits(case, "logits")
        assert np.abs(ours - pefts).max() <= tolerance * np.abs(pefts).max(), case


@pytest.mark.parametrize("kind", KINDS)
def test_every_target_counts_once(cases: Cases, kind: str) -> None:
    result = cases.results[f"{kind}-bf16"]
    assert result.merged_tensors == KINDS[kind]
    assert result.proof
    assert result.proof.merged_values > result.proof.sampled_values > 0
