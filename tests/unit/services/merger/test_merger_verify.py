"""A merged model with a fault does not pass, and every fault is named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from scriptorium.contracts import MergeProof
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from services.merger.inputs.adapter import read_adapter
from services.merger.inputs.base import open_base
from services.merger.planning.plan import make_plan
from services.merger.verify import Proof, check_merged_model, verify_steps
from services.merger.writing.worker_pool import MergeProgress, run_steps
from services.merger.writing.write_shard import ShardFiles
from tests.unit.services.merger.merger_models import (
    Arrays,
    adapter_arrays,
    base_arrays,
    load_model,
    reference,
    write_adapter,
    write_base,
)

Q = "model.layers.0.self_attn.q_proj.weight"
NORM = "model.layers.0.input_layernorm.weight"
COMPANIONS = {"config.json": b'{"tie_word_embeddings": false}', "tokenizer.json": b"{}", "chat_template.jinja": b"x"}


class Merged:
    """A base, an adapter and a folder that holds their correct merge."""

    def __init__(self, root: Path, dtype: str) -> None:
        self.base = open_base(write_base(root / "base", dtype=dtype))
        self.plan = make_plan(self.base, read_adapter(write_adapter(root / "adapter")))
        self.before = base_arrays(dtype)
        self.once = reference(self.before, adapter_arrays(), scale=1.5)
        self.twice = reference(self.once, adapter_arrays(), scale=1.5)
        self.folder = root / "merged"
        self.folder.mkdir()
        self.write(self.once)
        for name, body in COMPANIONS.items():
            (self.folder / name).write_bytes(body)

    def write(self, arrays: Arrays) -> None:
        save_file(arrays, self.folder / "model.safetensors", metadata={"format": "pt"})

    def verify(self) -> MergeProof:
        proof = Proof()
        for shard in self.plan.shards:
            with ShardFiles(shard, self.plan.adapter.path) as files:
                steps = verify_steps(shard, files, self.folder / shard.name, {}, proof)
                run_steps(steps, MergeProgress(SilentReporter(), 1))
        return check_merged_model(self.plan, COMPANIONS, self.folder, proof)

    def problems(self) -> list[str]:
        try:
            self.verify()
        except MergeFailed as error:
            return [str(problem) for problem in error.problems]
        return []


@pytest.fixture(params=["BF16", "F16", "F32"])
def merged(tmp_path: Path, request: pytest.FixtureRequest) -> Merged:
    return Merged(tmp_path, request.param)


def test_the_right_merge_passes(merged: Merged) -> None:
    assert merged.problems() == []
    assert load_model(merged.folder).keys() == merged.before.keys()


def test_a_target_that_was_skipped_and_one_that_was_merged_twice(merged: Merged) -> None:
    other = "model.layers.1.mlp.down_proj.weight"
    merged.write(merged.once | {Q: merged.before[Q], other: merged.twice[other]})
    assert merged.problems() == [
        f"{Q}: is not the base's weight with the update added once",
        f"{other}: is not the base's weight with the update added once",
    ]


def test_a_single_row_that_was_skipped(merged: Merged) -> None:
    changed = merged.once[Q].copy()
    changed[5] = merged.before[Q][5]
    merged.write(merged.once | {Q: changed})
    assert merged.problems() == [f"{Q}: is not the base's weight with the update added once"]


def test_a_value_that_is_off_by_a_few_steps(merged: Merged) -> None:
    changed = merged.once[Q].copy()
    largest = np.unravel_index(np.abs(changed.astype(np.float32)).argmax(), changed.shape)
    steps, bits = (64, np.uint32) if changed.dtype == np.float32 else (2, np.uint16)
    changed.view(bits)[largest] -= bits(steps)
    merged.write(merged.once | {Q: changed})
    assert merged.problems() == [f"{Q}: is not the base's weight with the update added once"]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(merged: Merged, value: float) -> None:
    changed = merged.once[Q].copy()
    changed[0, 0] = value
    merged.write(merged.once | {Q: changed})
    assert merged.problems() == [f"{Q}: has NaN or infinite values"]


def test_one_flipped_bit_in_an_untouched_tensor(merged: Merged) -> None:
    changed = merged.once[NORM].copy()
    changed.view(np.uint8)[0] ^= 1
    merged.write(merged.once | {NORM: changed})
    assert merged.problems() == [f"{NORM}: differs from the base although the adapter leaves it alone"]


def without(name: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {key: array for key, array in arrays.items() if key != name}


def halved(arrays: Arrays) -> Arrays:
    return arrays | {Q: np.ascontiguousarray(arrays[Q][:4])}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (without(Q), f"{Q}: is missing"),
        (lambda arrays: arrays | {"extra": np.zeros(1, np.float32)}, "extra: is not in the base"),
        (lambda arrays: arrays | {Q: arrays[Q].astype(np.float64)}, f"{Q}: is F64 [8, 8]"),
        (halved, f"{Q}: is "),
    ],
)
def test_another_layout(merged: Merged, change: Callable[[Arrays], Arrays], expected: str) -> None:
    merged.write(change(merged.once))
    assert any(problem.startswith(expected) for problem in merged.problems())


def test_a_truncated_and_a_missing_shard(merged: Merged) -> None:
    path = merged.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1])
    assert "not a complete safetensors file" in merged.problems()[0]
    path.unlink()
    assert merged.problems() == ["model.safetensors: model.safetensors is missing."]


def test_companions_that_are_missing_or_changed_beside_a_wrong_value(merged: Merged) -> None:
    (merged.folder / "chat_template.jinja").unlink()
    (merged.folder / "tokenizer.json").write_bytes(b"{ }")
    merged.write(merged.once | {Q: merged.before[Q]})
    assert merged.problems() == [
        "tokenizer.json: is not what was written",
        "chat_template.jinja: is missing",
        f"{Q}: is not the base's weight with the update added once",
    ]
