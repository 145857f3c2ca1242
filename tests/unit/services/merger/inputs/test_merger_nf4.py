"""The NF4 round trip, and the choice of the base; bitsandbytes' own bits are in tests/integration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from scriptorium.artifacts.checkpoint_losses import BaseLosses, CheckpointLosses, SummedLoss, checkpoint_losses_path
from scriptorium.contracts import MergeRequest, MergeResult
from scriptorium.jobs.reporter import SilentReporter
from services.merger.inputs import nf4
from services.merger.inputs.base import open_base
from services.merger.merge import merge_adapter
from services.merger.planning.choose_base import choose_base
from tests.unit.services.merger.merger_models import adapter_arrays, load_model, reference, write_base, write_checkpoint

UP, DOWN = "model.layers.0.mlp.up_proj", "model.layers.0.mlp.down_proj"
MODULES = {UP: (16, 128), DOWN: (128, 64)}
LEVELS = np.linspace(-1, 1, 256, dtype=np.float32)


def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    shapes = {f"{module}.weight": shape for module, shape in MODULES.items()} | {"model.embed_tokens.weight": (12, 64)}
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_quantised(training: Path, modules: dict[str, tuple[int, int]] = MODULES, kind: str = nf4.KIND) -> None:
    """Write scales as training might have left them: any 8-bit codes do."""
    rng = np.random.default_rng(4)
    tensors: dict[str, np.ndarray] = {"levels": LEVELS}
    for module, (rows, columns) in modules.items():
        count = rows * columns // 64
        tensors |= {f"{module}.codes": rng.integers(100, 256, count).astype(np.uint8)}
        tensors |= {
            f"{module}.groups": np.ones(-(-count // 256), np.float32),
            f"{module}.offset": np.ones(1, np.float32),
        }
    save_file(tensors, training / nf4.FILE, metadata={"kind": kind})


def write_losses(training: Path, **losses: float) -> None:
    bases = {
        name: BaseLosses(passages=[SummedLoss(loss=loss, tokens=1)], references=[]) for name, loss in losses.items()
    }
    path = checkpoint_losses_path(training, 6)
    path.parent.mkdir()
    path.write_text(CheckpointLosses.model_validate({"step": 6, "bases": bases}).model_dump_json())


def one_by_one(name: str, values: np.ndarray, training: Path) -> np.ndarray:
    """Round-trip a weight one value at a time."""
    scales = nf4.RoundTrip(training / nf4.FILE, name.removesuffix(".weight")).scales
    flat = values.reshape(-1)
    result = np.empty_like(flat)
    for index, value in enumerate(flat):
        largest = np.abs(flat[index // 64 * 64 : index // 64 * 64 + 64]).max()
        result[index] = nf4.NF4_LEVELS[np.abs(nf4.NF4_LEVELS - value / largest).argmin()] * scales[index // 64]
    return result.reshape(values.shape)


@pytest.fixture
def training(tmp_path: Path) -> Path:
    folder = tmp_path / "training"
    write_base(tmp_path / "base", weights())
    write_checkpoint(folder, arrays=adapter_arrays({UP: MODULES[UP]}))
    return folder


def merge(training: Path, reporter: SilentReporter | None = None) -> tuple[MergeResult, dict[str, Any]]:
    folder = training.with_name("merged")
    folder.mkdir()
    request = MergeRequest(base=training.with_name("base"), training=training)
    return merge_adapter(request, folder, reporter or SilentReporter()), load_model(folder)


def test_what_was_4_bit_takes_the_round_trip_before_the_update(training: Path) -> None:
    write_quantised(training)
    write_losses(training, stored=3.2, nf4=3.1)
    result, merged = merge(training)
    base = {name: one_by_one(name, array, training) if "_proj" in name else array for name, array in weights().items()}
    expected = reference(base, adapter_arrays({UP: MODULES[UP]}), 1.5)
    for name, array in expected.items():
        assert np.allclose(merged[name], array, rtol=0, atol=1e-6), name
    assert np.array_equal(merged["model.embed_tokens.weight"], weights()["model.embed_tokens.weight"])
    assert (result.base, result.base_losses) == ("nf4", {"stored": 3.2, "nf4": 3.1})
    assert result.proof
    assert result.proof.merged_values == sum(rows * columns for rows, columns in MODULES.values())


def test_the_stored_base_if_it_is_better(training: Path) -> None:
    write_quantised(training)
    write_losses(training, stored=3.1, nf4=3.2)
    reporter = SilentReporter()
    result, merged = merge(training, reporter)
    assert result.base == "stored"
    assert np.array_equal(merged[f"{DOWN}.weight"], weights()[f"{DOWN}.weight"])
    message = "[MERGE] Dev loss 3.1000 on the stored base, 3.2000 on the nf4 base: merged onto the stored one"
    assert message in reporter.messages


@pytest.mark.parametrize(
    ("losses", "kind", "modules", "message"),
    [
        ({"stored": 3.1}, nf4.KIND, MODULES, "not measured on both bases"),
        ({"stored": 3.2, "nf4": 3.1}, "fp4, blocks of 64", MODULES, "quantised as fp4, blocks of 64"),
        ({"stored": 3.2, "nf4": 3.1}, nf4.KIND, {UP: (16, 64)}, f"quantisation of {UP}.weight cannot be repeated"),
        ({"stored": 3.2, "nf4": 3.1}, nf4.KIND, {"model.other": (64, 64)}, "quantisation of model.other.weight"),
    ],
)
def test_what_cannot_be_repeated_or_was_not_measured_is_reported(
    training: Path, losses: dict[str, float], kind: str, modules: dict[str, tuple[int, int]], message: str
) -> None:
    write_quantised(training, modules, kind)
    write_losses(training, **losses)
    reporter = SilentReporter()
    base = open_base(training.with_name("base"))
    assert choose_base(base, training, 6, reporter) == ({}, losses)
    assert message in reporter.messages[0]


def test_a_training_in_bf16_needs_no_choice(training: Path) -> None:
    write_losses(training, stored=3.1)
    reporter = SilentReporter()
    assert choose_base(open_base(training.with_name("base")), training, 6, reporter) == ({}, {"stored": 3.1})
    assert reporter.messages == []


@given(st.integers(0, 2**32 - 1))
def test_blocks_do_not_depend_on_how_a_weight_is_cut(tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    folder = tmp_path_factory.mktemp("cut")
    write_quantised(folder, {UP: (8, 128)})
    values = np.random.default_rng(seed).normal(size=(8, 128)).astype(np.float32)
    round_trip = nf4.RoundTrip(folder / nf4.FILE, UP)
    at_once = round_trip.apply(values, 0, "F32")
    blocks = [round_trip.apply(values[row : row + 2], row * 128, "F32") for row in range(0, 8, 2)]
    assert np.array_equal(at_once, np.concatenate(blocks))


def test_an_empty_block_stays_empty(tmp_path: Path) -> None:
    write_quantised(tmp_path, {UP: (1, 64)})
    assert not nf4.RoundTrip(tmp_path / nf4.FILE, UP).apply(np.zeros((1, 64), np.float32), 0, "F32").any()
