"""An adapter merged at a strength: the bits, the proof, the scaled adapter, and what cannot be scaled."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scriptorium.artifacts.checkpoints import SCALED_ADAPTER
from scriptorium.contracts import MergeRequest, MergeResult
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from services.merger.inputs.adapter import LoraConfig, read_adapter
from services.merger.inputs.base import open_base
from services.merger.low_rank_update import LowRank
from services.merger.merge import merge_adapter
from services.merger.planning.plan import make_plan
from services.merger.writing.resume import make_fingerprint
from tests.unit.services.merger.merger_models import (
    adapter_arrays,
    base_arrays,
    load_model,
    reference,
    write_adapter,
    write_base,
    write_checkpoint,
)


def merge(root: Path, strength: float, temperature: float | None = None) -> MergeResult:
    """Merge the only checkpoint into `root`/merged."""
    (root / "merged").mkdir()
    request = MergeRequest(base=root / "base", training=root / "training", strength=strength, temperature=temperature)
    return merge_adapter(request, root / "merged", SilentReporter())


@pytest.mark.parametrize("dtype", ["BF16", "F16", "F32"])
@pytest.mark.parametrize("strength", [0.35, 0.5, 1.0, 1.25])
def test_the_update_is_scaled_in_fp32_and_then_rounded(tmp_path: Path, dtype: str, strength: float) -> None:
    write_base(tmp_path / "base", dtype=dtype)
    write_checkpoint(tmp_path / "training")
    result = merge(tmp_path, strength)
    expected = reference(base_arrays(dtype), adapter_arrays(), scale=3 * strength / 2)
    merged = load_model(tmp_path / "merged")
    assert {name: array.tobytes() for name, array in merged.items()} == {
        name: array.tobytes() for name, array in expected.items()
    }
    assert (result.strength, result.temperature) == (strength, None)
    assert (tmp_path / "merged" / SCALED_ADAPTER).exists() == (strength != 1)


def test_a_merge_at_another_strength_than_asked_for_does_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_scaled = LowRank.add_direction

    def add_whole(update: LowRank, weights: Any, rows: slice, buffer: Any = None) -> None:
        add_scaled(update, weights, rows, buffer)
        add_scaled(update, weights, rows, buffer)

    write_base(tmp_path / "base")
    write_checkpoint(tmp_path / "training")
    monkeypatch.setattr(LowRank, "add_direction", add_whole)
    with pytest.raises(MergeFailed, match="samples in fp64"):
        merge(tmp_path, 0.5)


@pytest.mark.parametrize("rslora", [False, True])
def test_the_scaled_adapter_is_the_merged_update(tmp_path: Path, rslora: bool) -> None:
    """Whoever loads it beside the base, by its configuration alone, adds what was merged."""
    write_base(tmp_path / "base", dtype="F32")
    options: dict[str, Any] = {
        "use_rslora": rslora,
        "alpha_pattern": {"up_proj": 5},
        "target_modules": ["q_proj", "up_proj"],
    }
    checkpoint = write_checkpoint(tmp_path / "training", **options)
    merge(tmp_path, 0.7)
    folder = tmp_path / "merged" / SCALED_ADAPTER
    scaled, asked = read_adapter(folder), read_adapter(checkpoint, 0.7)
    assert {name: update.scale for name, update in scaled.updates.items()} == {
        name: update.scale for name, update in asked.updates.items()
    }
    before, after = (json.loads((path / "adapter_config.json").read_text()) for path in (checkpoint, folder))
    assert {key for key in after if after[key] != before[key]} == {"lora_alpha", "alpha_pattern"}
    weights = "adapter_model.safetensors"
    assert (folder / weights).read_bytes() == (checkpoint / weights).read_bytes()
    assert (folder / "tokenizer.json").is_file()


@given(st.floats(0.01, 2), st.integers(1, 128), st.integers(1, 256), st.booleans())
def test_every_scale_is_multiplied(strength: float, rank: int, alpha: int, rslora: bool) -> None:
    config = LoraConfig(peft_type="LORA", r=rank, lora_alpha=alpha, use_rslora=rslora)
    assert np.isclose(config.scaled(strength).scale("layer"), strength * config.scale("layer"), rtol=1e-12)


def test_magnitudes_cannot_be_scaled(tmp_path: Path) -> None:
    magnitudes = {
        name.replace("lora_B.weight", "lora_magnitude_vector"): np.ones(len(array), np.float32)
        for name, array in adapter_arrays().items()
        if "lora_B" in name
    }
    folder = write_adapter(tmp_path, adapter_arrays() | magnitudes, use_dora=True)
    assert read_adapter(folder).strength == 1
    with pytest.raises(MergeFailed, match=r"strength 0\.5") as caught:
        read_adapter(folder, 0.5)
    assert (caught.value.param, caught.value.next_step) == ("strength", "Merge it at strength 1.")
    assert [problem.place for problem in caught.value.problems] == ["adapter_config.json.use_dora"]


def test_replaced_tensors_cannot_be_scaled(tmp_path: Path) -> None:
    head = {"base_model.model.lm_head.weight": base_arrays("F32")["lm_head.weight"]}
    folder = write_adapter(tmp_path, adapter_arrays() | head, modules_to_save=["lm_head"])
    assert read_adapter(folder).saved
    with pytest.raises(MergeFailed) as caught:
        read_adapter(folder, 1.5)
    assert [problem.place for problem in caught.value.problems] == ["lm_head.weight"]


def test_a_shard_of_another_strength_is_not_taken_over(tmp_path: Path) -> None:
    base, folder = open_base(write_base(tmp_path / "base")), write_adapter(tmp_path / "adapter")
    plans = [make_plan(base, read_adapter(folder, strength)) for strength in (1.0, 0.5)]
    whole, half = (make_fingerprint(plan, plan.shards[0], "hash") for plan in plans)
    assert whole != half


def test_the_temperature_is_the_models_own(tmp_path: Path) -> None:
    write_base(tmp_path / "base")
    write_checkpoint(tmp_path / "training")
    assert merge(tmp_path, 1.0, 0.9).temperature == 0.9
    body = json.loads((tmp_path / "merged" / "generation_config.json").read_text())
    assert body == {"eos_token_id": [2, 3], "do_sample": True, "temperature": 0.9}
