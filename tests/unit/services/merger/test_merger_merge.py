"""The streamed merge has the bits of the plain fp32 one, whatever the type and the number of shards."""

import errno
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import services.merger.merge as module
from scriptorium.artifacts import manifest
from scriptorium.contracts import MergeRequest, MergeResult
from scriptorium.errors import BaseModelUnusable, Cancelled, DiskFull, MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.models.tensor_files import read_layout
from services.merger.low_rank_update import LowRank
from services.merger.merge import merge_adapter
from services.merger.writing import write_shard
from tests.unit.services.merger.merger_models import (
    MODULES,
    adapter_arrays,
    base_arrays,
    load_model,
    reference,
    write_adapter,
    write_base,
    write_checkpoint,
    write_json,
)

Q = "model.layers.0.self_attn.q_proj"


class Workshop:
    """A base, a training and an empty folder for the merged model."""

    def __init__(self, root: Path) -> None:
        self.base, self.training, self.folder = root / "base", root / "training", root / "merge.1.tmp"
        self.folder.mkdir()
        self.reporter = SilentReporter()

    def merge(self, **options: Any) -> MergeResult:
        request = MergeRequest(base=self.base, training=self.training, checkpoint=options.pop("checkpoint", None))
        return merge_adapter(request, self.folder, self.reporter, **options)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


def assert_same_bits(actual: dict[str, Any], expected: dict[str, Any]) -> None:
    assert actual.keys() == expected.keys()
    for name, array in expected.items():
        assert actual[name].dtype == array.dtype, name
        assert actual[name].tobytes() == array.tobytes(), name


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("tied", [False, True])
def test_the_bits_of_the_plain_merge(workshop: Workshop, dtype: str, shards: int, tied: bool) -> None:
    write_base(workshop.base, dtype=dtype, shards=shards, tied=tied)
    write_checkpoint(workshop.training)
    result = workshop.merge()
    base = base_arrays(dtype, tied=tied)
    assert_same_bits(load_model(workshop.folder), reference(base, adapter_arrays(), scale=1.5))
    assert (result.merged_tensors, result.copied_tensors) == (6, len(base) - 6)
    assert (result.step, result.dev_loss) == (6, 3.0)
    assert result.bytes == sum(path.stat().st_size for path in workshop.folder.iterdir())


def test_layout_metadata_and_index_are_kept(workshop: Workshop) -> None:
    write_base(workshop.base, shards=2)
    write_checkpoint(workshop.training)
    workshop.merge()
    for path in workshop.base.glob("*.safetensors"):
        before, after = read_layout(path), read_layout(workshop.folder / path.name)
        assert after.tensors == before.tensors
        assert after.header == before.header
    index = "model.safetensors.index.json"
    assert (workshop.folder / index).read_bytes() == (workshop.base / index).read_bytes()


def test_every_kind_of_scale(workshop: Workshop) -> None:
    write_base(workshop.base, dtype="F32")
    arrays = adapter_arrays() | adapter_arrays({Q: (8, 8)}, rank=4)
    folder = write_checkpoint(workshop.training)
    write_adapter(folder, arrays, use_rslora=True, rank_pattern={"layers.0.self_attn.q_proj": 4})
    manifest.write(folder, {"step": 6, "created_at": 0, "train_loss": None, "dev_loss": None})
    workshop.merge()
    plain = {name: array for name, array in arrays.items() if Q not in name}
    wide = {name: array for name, array in arrays.items() if Q in name}
    expected = reference(reference(base_arrays("F32"), plain, 3 / np.sqrt(2)), wide, 3 / np.sqrt(4))
    assert_same_bits(load_model(workshop.folder), expected)


def test_several_blocks_and_bounded_memory(workshop: Workshop) -> None:
    """Whole numbers make fp32 sums exact, so that blocks cannot change a bit; the shard is 110 MB."""
    rng = np.random.default_rng(3)
    shape = (9001, 1024)
    arrays = base_arrays("F32") | {f"{Q}.weight": rng.integers(-64, 64, size=shape).astype(np.float32)}
    arrays["model.embed_tokens.weight"] = rng.normal(size=(18000, 1024)).astype(np.float32)
    adapter = {name: np.rint(4 * array) for name, array in adapter_arrays({Q: shape}).items()}
    write_base(workshop.base, arrays)
    write_checkpoint(workshop.training, arrays=adapter)
    tracemalloc.start()
    workshop.merge()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    assert_same_bits(load_model(workshop.folder), reference(arrays, adapter, scale=1.5))


def test_the_best_checkpoint_or_the_requested_one(workshop: Workshop) -> None:
    write_base(workshop.base)
    write_checkpoint(workshop.training, 6, 3.0)
    other = {name: 2 * array for name, array in adapter_arrays().items()}
    write_checkpoint(workshop.training, 12, 3.5, other)
    assert workshop.merge(checkpoint=12).step == 12
    assert_same_bits(load_model(workshop.folder), reference(base_arrays(), other, scale=1.5))


def test_what_a_person_reads(workshop: Workshop) -> None:
    write_base(workshop.base)
    write_checkpoint(workshop.training)
    workshop.merge()
    messages = workshop.reporter.messages
    assert messages[0] == "[MERGE] Checkpoint 6 selected (dev loss 3.0000)"
    assert messages[1] == "[MERGE] The tokenizer uses 4 of 12 rows of the embeddings"
    assert messages[2] == "[MERGE] Merging adapter with base model..."
    assert messages[-1] == "[MERGE] Model saved: 0.00 GB, 6 tensors merged, 4 copied"


def test_every_mismatch_is_named_before_anything_is_written(workshop: Workshop) -> None:
    arrays = base_arrays()
    down, up = "model.layers.0.mlp.down_proj.weight", "model.layers.1.mlp.up_proj.weight"
    del arrays[f"{Q}.weight"]
    arrays[down] = np.zeros((8, 15), arrays[down].dtype)
    arrays[up] = np.zeros((16, 8), np.int8)
    write_base(workshop.base, arrays)
    write_checkpoint(workshop.training)
    with pytest.raises(MergeFailed, match="does not fit the base") as caught:
        workshop.merge()
    assert {str(problem) for problem in caught.value.problems} == {
        f"{Q}.weight: is not in the base",
        f"{down}: has the shape [8, 15], the adapter's update [8, 16]",
        f"{up}: is stored as I8; only F32, F16, BF16 can be merged",
    }
    assert not any(workshop.folder.iterdir())


def test_a_full_disk_is_noticed_first(workshop: Workshop) -> None:
    write_base(workshop.base)
    write_checkpoint(workshop.training)
    with pytest.raises(DiskFull, match=r"needs [\d,]+ bytes .* 1,000 are free"):
        workshop.merge(free=lambda folder: 1000)
    assert not any(workshop.folder.iterdir())
    assert workshop.merge(free=lambda folder: 1 << 20).merged_tensors == 6


def test_a_disk_that_fills_up_meanwhile(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write_base(workshop.base)
    write_checkpoint(workshop.training)
    monkeypatch.setattr(write_shard, "copy_range", full)
    with pytest.raises(DiskFull):
        workshop.merge()


def test_a_merge_can_be_stopped(workshop: Workshop) -> None:
    class CancelledMerge(SilentReporter):
        checks = 0

        def check(self) -> None:
            self.checks += 1
            if self.checks > 3:
                raise Cancelled("by the user")

    write_base(workshop.base)
    write_checkpoint(workshop.training)
    workshop.reporter = CancelledMerge()
    with pytest.raises(Cancelled):
        workshop.merge()


def test_values_too_large_for_fp16_do_not_pass(workshop: Workshop) -> None:
    arrays = base_arrays("F16")
    arrays[f"{Q}.weight"][:] = 65504
    adapter = {name: np.full_like(array, 50) for name, array in adapter_arrays({Q: MODULES[Q]}).items()}
    write_base(workshop.base, arrays)
    write_checkpoint(workshop.training, arrays=adapter)
    with pytest.raises(MergeFailed, match="NaN or infinite") as caught:
        workshop.merge()
    assert [problem.place for problem in caught.value.problems] == [f"{Q}.weight"]


def test_a_base_with_nan_in_a_target_does_not_pass(workshop: Workshop) -> None:
    arrays = base_arrays("F32")
    arrays[f"{Q}.weight"][7, 7] = np.nan
    write_base(workshop.base, arrays)
    write_checkpoint(workshop.training)
    with pytest.raises(MergeFailed, match="NaN or infinite"):
        workshop.merge()


def test_a_base_that_is_cut_meanwhile(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(needed: int, free: int) -> None:
        path = workshop.base / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-1])

    write_base(workshop.base)
    write_checkpoint(workshop.training)
    monkeypatch.setattr(module, "check_space", cut)
    with pytest.raises(BaseModelUnusable, match="changed while it was read"):
        workshop.merge()


def test_a_tokenizer_that_does_not_fit_stops_before_anything_is_written(workshop: Workshop) -> None:
    write_base(workshop.base)
    folder = write_checkpoint(workshop.training)
    write_json(folder / "tokenizer.json", {"model": {"vocab": {"far": 99}}})
    manifest.write(folder, {"step": 6, "created_at": 0, "train_loss": None, "dev_loss": None})
    with pytest.raises(MergeFailed, match="no embedding for"):
        workshop.merge()
    assert not any(workshop.folder.iterdir())


@pytest.mark.parametrize("times", [0, 2])
def test_an_update_that_is_computed_wrongly_does_not_pass(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """What was written is what was computed, so only the samples in fp64 can show it."""
    add_once = LowRank.add_direction

    def add_wrongly(update: LowRank, weights: Any, rows: slice, buffer: Any = None) -> None:
        for _ in range(times):
            add_once(update, weights, rows, buffer)

    write_base(workshop.base)
    write_checkpoint(workshop.training)
    monkeypatch.setattr(LowRank, "add_direction", add_wrongly)
    with pytest.raises(MergeFailed, match="samples in fp64") as caught:
        workshop.merge()
    assert len(caught.value.problems) == 6


def test_the_numbers_of_the_proof(workshop: Workshop) -> None:
    write_base(workshop.base)
    write_checkpoint(workshop.training)
    result = workshop.merge()
    assert result.proof
    assert result.proof.merged_values == sum(rows * columns for rows, columns in MODULES.values())
    assert result.proof.identical_bytes == sum(a.nbytes for n, a in base_arrays().items() if "_proj" not in n)
    assert 0 < result.proof.sampled_values <= result.proof.merged_values
    assert result.proof.size_ratio == 1
    assert (result.vocabulary, result.tokens, result.resumed_shards) == (12, 4, 0)


def test_a_base_of_another_hash_is_refused_before_anything_is_written(workshop: Workshop) -> None:
    write_base(workshop.base)
    write_checkpoint(workshop.training)
    hashes = {"model.safetensors": "0" * 64}
    request = MergeRequest(base=workshop.base, training=workshop.training, base_hashes=hashes)
    with pytest.raises(BaseModelUnusable, match=r"model\.safetensors: has the SHA-256"):
        merge_adapter(request, workshop.folder, workshop.reporter)
    assert not any(workshop.folder.iterdir())
