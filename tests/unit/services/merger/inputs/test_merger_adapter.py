"""Adapters that can be read, those that are refused by name, and their scale and rank."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scriptorium.errors import MergeFailed
from services.merger.inputs.adapter import LoraConfig, read_adapter
from tests.unit.services.merger.merger_models import adapter_arrays, write_adapter

Q = "model.layers.0.self_attn.q_proj"
Q_A = f"base_model.model.{Q}.lora_A.weight"
Q_B = f"base_model.model.{Q}.lora_B.weight"


def config(**keys: Any) -> LoraConfig:
    return LoraConfig.model_validate({"peft_type": "LORA", "r": 4, "lora_alpha": 8} | keys)


def problem_places(error: MergeFailed) -> set[str]:
    return {problem.place for problem in error.problems}


def test_a_plain_adapter_is_read(tmp_path: Path) -> None:
    adapter = read_adapter(write_adapter(tmp_path))
    assert len(adapter.updates) == 6
    assert adapter.updates[f"{Q}.weight"].scale == 1.5
    assert adapter.updates["model.layers.1.mlp.up_proj.weight"].shape == (16, 8)


def test_scale() -> None:
    assert config().scale(Q) == 2
    assert config(use_rslora=True).scale(Q) == 8 / math.sqrt(4)
    assert config(rank_pattern=None, alpha_pattern=None).scale(Q) == 2


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("q_proj", True),
        ("self_attn.q_proj", True),
        (r"layers\.0\..*q_proj", True),
        (r"^model\.layers\.0\.self_attn\.q_proj", True),
        ("proj", False),
        ("k_proj", False),
        ("q_proj.weight", False),
    ],
)
def test_patterns_match_the_end_of_a_name(pattern: str, matches: bool) -> None:
    assert config(alpha_pattern={pattern: 16}).scale(Q) == (4 if matches else 2)
    assert config(rank_pattern={pattern: 2}).rank(Q) == (2 if matches else 4)


def test_the_first_matching_pattern_counts() -> None:
    assert config(rank_pattern={"k_proj": 1, "q_proj": 2, r".*\.0\..*": 3}).rank(Q) == 2


def test_a_rank_pattern_changes_shape_and_scale(tmp_path: Path) -> None:
    arrays = adapter_arrays() | adapter_arrays({Q: (8, 8)}, rank=4)
    folder = write_adapter(tmp_path, arrays, rank_pattern={r"layers\.0\..*q_proj": 4}, alpha_pattern={"q_proj": 5})
    adapter = read_adapter(folder)
    assert adapter.updates[f"{Q}.weight"].scale == 5 / 4
    assert adapter.updates["model.layers.1.self_attn.q_proj.weight"].scale == 5 / 2
    assert adapter.updates["model.layers.1.mlp.up_proj.weight"].scale == 3 / 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trainable_token_indices", [1, 2]),
        ("bias", "lora_only"),
        ("lora_bias", True),
        ("layer_replication", [[0, 1]]),
        ("target_parameters", ["experts.gate_up_proj"]),
        ("alora_invocation_tokens", [7]),
        ("use_qalora", True),
        ("megatron_config", {"a": 1}),
        ("init_lora_weights", "pissa_niter_4"),
        ("init_lora_weights", "loftq"),
        ("something_new", "on"),
        ("peft_type", "IA3"),
    ],
)
def test_other_kinds_are_refused_by_name(tmp_path: Path, key: str, value: Any) -> None:
    with pytest.raises(MergeFailed) as caught:
        read_adapter(write_adapter(tmp_path, **{key: value}))
    assert problem_places(caught.value) == {f"adapter_config.json.{key}"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_dora", False),
        ("fan_in_fan_out", None),
        ("modules_to_save", []),
        ("init_lora_weights", "gaussian"),
        ("init_lora_weights", False),
        ("qalora_group_size", 16),
        ("lora_dropout", 0.05),
        ("layers_to_transform", [0, 1]),
    ],
)
def test_what_does_not_change_the_result_is_accepted(tmp_path: Path, key: str, value: Any) -> None:
    assert read_adapter(write_adapter(tmp_path, **{key: value})).updates


def test_every_unsupported_key_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(MergeFailed) as caught:
        read_adapter(write_adapter(tmp_path, use_qalora=True, lora_bias=True, bias="all"))
    assert {place.rpartition(".")[2] for place in problem_places(caught.value)} == {"use_qalora", "lora_bias", "bias"}


def test_values_of_a_wrong_type(tmp_path: Path) -> None:
    with pytest.raises(MergeFailed) as caught:
        read_adapter(write_adapter(tmp_path, r="many", rank_pattern={"(": 3}))
    assert problem_places(caught.value) == {"adapter_config.json.r", "adapter_config.json.rank_pattern"}


def test_unreadable_configurations(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path)
    (folder / "adapter_config.json").write_text("{")
    with pytest.raises(MergeFailed, match="not readable as JSON"):
        read_adapter(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(MergeFailed, match=r"has no adapter_config\.json"):
        read_adapter(folder)


def test_unreadable_weights(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path)
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(MergeFailed, match="not a complete safetensors file"):
        read_adapter(folder)
    weights.unlink()
    with pytest.raises(MergeFailed, match=r"adapter_model\.safetensors is missing"):
        read_adapter(folder)


def test_all_faulty_matrices_are_named_at_once(tmp_path: Path) -> None:
    arrays = adapter_arrays()
    del arrays[Q_B]
    up_a = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
    down_a = "base_model.model.model.layers.0.mlp.down_proj.lora_A.weight"
    embedding = "base_model.model.model.embed_tokens.lora_embedding_A"
    norm = "base_model.model.model.norm.weight"
    arrays[up_a] = arrays[up_a].astype(np.int8)
    arrays[down_a] = np.zeros((3, 16), np.float32)
    arrays |= {embedding: np.zeros((2, 12), np.float32), norm: np.zeros(8, np.float32)}
    with pytest.raises(MergeFailed) as caught:
        read_adapter(write_adapter(tmp_path, arrays))
    assert problem_places(caught.value) == {Q, up_a, down_a, "model.embed_tokens", norm}


def test_an_empty_adapter(tmp_path: Path) -> None:
    with pytest.raises(MergeFailed, match="no tensors"):
        read_adapter(write_adapter(tmp_path, {}))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_diverged_adapter(tmp_path: Path, value: float) -> None:
    arrays = adapter_arrays()
    arrays[Q_B][3, 1] = value
    with pytest.raises(MergeFailed, match="not finite") as caught:
        read_adapter(write_adapter(tmp_path, arrays))
    assert problem_places(caught.value) == {Q_B}


def test_a_configuration_that_is_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path)
    (folder / "adapter_config.json").write_text('{"a":' * 100_000)
    with pytest.raises(MergeFailed, match="not readable as JSON"):
        read_adapter(folder)
