"""The sources of merged tensors: replaced, resized, tied and transposed ones, and everything that does not fit."""

import json
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from scriptorium.contracts import MergeRequest, MergeResult
from scriptorium.errors import MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from services.merger.inputs.base import open_base
from services.merger.merge import merge_adapter
from tests.unit.services.merger.merger_models import (
    HIDDEN_SIZE,
    MODULES,
    VOCABULARY,
    Arrays,
    adapter_arrays,
    base_arrays,
    load_model,
    reference,
    write_base,
    write_checkpoint,
)

EMBEDDINGS, HEAD, NORM = "model.embed_tokens.weight", "lm_head.weight", "model.layers.0.input_layernorm.weight"
ALPHA, RANK = 3, 2


class MergeBench:
    """A base, an adapter and the model they make."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reporter = SilentReporter()

    def merge(
        self, arrays: Arrays, *, tied: bool = False, shards: int = 1, base: Arrays | None = None, **config: Any
    ) -> tuple[Arrays, MergeResult]:
        folder = self.root / "merged"
        folder.mkdir()
        write_base(self.root / "base", base, tied=tied, shards=shards)
        write_checkpoint(self.root / "training", arrays=arrays, **config)
        request = MergeRequest(base=self.root / "base", training=self.root / "training")
        result = merge_adapter(request, folder, self.reporter)
        return load_model(folder), result

    def read(self, name: str) -> Any:
        return json.loads((self.root / "merged" / name).read_text())


@pytest.fixture
def bench(tmp_path: Path) -> MergeBench:
    return MergeBench(tmp_path)


def random(*shape: int, seed: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def saved(**tensors: np.ndarray) -> Arrays:
    names = {"embeddings": EMBEDDINGS, "head": HEAD, "norm": NORM}
    return {f"base_model.model.{names[key]}": array for key, array in tensors.items()}


def lookup(rows: int = VOCABULARY) -> Arrays:
    prefix = "base_model.model.model.embed_tokens.lora_embedding_"
    return {f"{prefix}A": random(RANK, rows), f"{prefix}B": random(HIDDEN_SIZE, RANK, seed=6)}


def added(weight: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return (weight.astype(np.float32) + np.float32(ALPHA / RANK) * (left @ right)).astype(weight.dtype)


def test_modules_saved_whole_are_rounded_to_the_stored_type(bench: MergeBench) -> None:
    modules = saved(head=random(VOCABULARY, HIDDEN_SIZE), norm=random(HIDDEN_SIZE))
    merged, result = bench.merge(adapter_arrays() | modules, modules_to_save=["lm_head", "input_layernorm"])
    expected = reference(base_arrays(), adapter_arrays(), ALPHA / RANK)
    for name, array in ((HEAD, modules[f"base_model.model.{HEAD}"]), (NORM, modules[f"base_model.model.{NORM}"])):
        expected[name] = array.astype(ml_dtypes.bfloat16)
    assert {name: array.tobytes() for name, array in merged.items()} == {n: a.tobytes() for n, a in expected.items()}
    assert (result.merged_tensors, result.saved_tensors, result.copied_tensors) == (6, 2, 2)


def test_the_wrappers_names_and_its_frozen_original(bench: MergeBench) -> None:
    head = random(VOCABULARY, HIDDEN_SIZE)
    prefix = "base_model.model.lm_head"
    more = {f"{prefix}.modules_to_save.weight": head, f"{prefix}.original_module.weight": 0 * head}
    merged, _ = bench.merge(adapter_arrays() | more, modules_to_save=["lm_head"])
    assert merged[HEAD].tobytes() == head.astype(ml_dtypes.bfloat16).tobytes()


def test_a_module_that_was_to_be_saved_but_is_not_there(bench: MergeBench) -> None:
    with pytest.raises(MergeFailed, match="lm_head: is in modules_to_save"):
        bench.merge(adapter_arrays(), modules_to_save=["lm_head"])


@pytest.mark.parametrize("shards", [1, 2])
def test_resized_embeddings(bench: MergeBench, shards: int) -> None:
    rows = VOCABULARY + 4
    modules = saved(embeddings=random(rows, HIDDEN_SIZE), head=random(rows, HIDDEN_SIZE, seed=6))
    base = base_arrays()
    merged, result = bench.merge(adapter_arrays() | modules, shards=shards, base=base)
    assert merged[EMBEDDINGS].shape == merged[HEAD].shape == (rows, HIDDEN_SIZE)
    assert merged[HEAD].tobytes() == modules[f"base_model.model.{HEAD}"].astype(ml_dtypes.bfloat16).tobytes()
    assert merged[NORM].tobytes() == base[NORM].tobytes()
    assert result.vocabulary == rows
    assert "[MERGE] The vocabulary was resized: 12 rows in the base, 16 now" in bench.reporter.messages
    if shards > 1:
        model = open_base(bench.root / "merged")
        total = sum(tensor.bytes for tensor in model.tensors.values())
        assert bench.read("model.safetensors.index.json")["metadata"]["total_size"] == total


def test_embeddings_that_were_resized_without_their_output_layer(bench: MergeBench) -> None:
    with pytest.raises(MergeFailed, match=r"lm_head.weight: has 12 rows, the adapter's embeddings 16"):
        bench.merge(adapter_arrays() | saved(embeddings=random(16, HIDDEN_SIZE)))


def test_embeddings_of_another_width(bench: MergeBench) -> None:
    with pytest.raises(MergeFailed, match=r"has the shape \[12, 8\], the adapter's \[12, 9\]"):
        bench.merge(adapter_arrays() | saved(embeddings=random(VOCABULARY, 9)))


def test_an_update_of_a_lookup_table(bench: MergeBench) -> None:
    table = lookup()
    merged, _ = bench.merge(table)
    a, b = table.values()
    assert merged[EMBEDDINGS].tobytes() == added(base_arrays()[EMBEDDINGS], a.T, b.T).tobytes()


def test_a_tied_output_layer_is_untied_if_only_the_embeddings_were_trained(bench: MergeBench) -> None:
    table = lookup()
    merged, result = bench.merge(table, tied=True, shards=2)
    a, b = table.values()
    base = base_arrays(tied=True)
    assert merged[EMBEDDINGS].tobytes() == added(base[EMBEDDINGS], a.T, b.T).tobytes()
    assert merged[HEAD].tobytes() == base[EMBEDDINGS].tobytes()
    assert bench.read("config.json")["tie_word_embeddings"] is False
    assert HEAD in bench.read("model.safetensors.index.json")["weight_map"]
    assert any("no longer tied" in message for message in bench.reporter.messages)
    assert result.proof
    assert result.proof.size_ratio > 1


def test_a_tied_output_layer_is_untied_if_only_it_was_trained(bench: MergeBench) -> None:
    head = adapter_arrays({"lm_head": (VOCABULARY, HIDDEN_SIZE)})
    merged, _ = bench.merge(head, tied=True)
    a, b = head.values()
    base = base_arrays(tied=True)
    assert merged[EMBEDDINGS].tobytes() == base[EMBEDDINGS].tobytes()
    assert merged[HEAD].tobytes() == added(base[EMBEDDINGS], b, a).tobytes()


def test_what_was_kept_tied_in_training_stays_tied(bench: MergeBench) -> None:
    table = lookup()
    a, b = table.values()
    head = {"base_model.model.lm_head.lora_A.weight": np.ascontiguousarray(b.T),
            "base_model.model.lm_head.lora_B.weight": np.ascontiguousarray(a.T)}  # fmt: skip
    merged, result = bench.merge(table | head, tied=True, ensure_weight_tying=True)
    assert HEAD not in merged
    assert merged[EMBEDDINGS].tobytes() == added(base_arrays(tied=True)[EMBEDDINGS], a.T, b.T).tobytes()
    assert bench.read("config.json")["tie_word_embeddings"] is True
    assert result.merged_tensors == 1


def test_both_saved_with_equal_values_stay_tied(bench: MergeBench) -> None:
    table = random(VOCABULARY, HIDDEN_SIZE)
    merged, _ = bench.merge(adapter_arrays() | saved(embeddings=table, head=table), tied=True)
    assert HEAD not in merged
    assert merged[EMBEDDINGS].tobytes() == table.astype(ml_dtypes.bfloat16).tobytes()


def test_both_saved_with_other_values_are_untied(bench: MergeBench) -> None:
    table, head = random(VOCABULARY, HIDDEN_SIZE), random(VOCABULARY, HIDDEN_SIZE, seed=6)
    merged, _ = bench.merge(adapter_arrays() | saved(embeddings=table, head=head), tied=True)
    assert merged[HEAD].tobytes() == head.astype(ml_dtypes.bfloat16).tobytes()


def test_weights_that_are_stored_transposed(bench: MergeBench) -> None:
    up = "model.layers.0.mlp.up_proj"
    outputs, inputs = MODULES[up]
    base = base_arrays()
    base[f"{up}.weight"] = np.ascontiguousarray(base[f"{up}.weight"].T)
    adapter = adapter_arrays({up: (outputs, inputs)})
    merged, _ = bench.merge(adapter, base=base, fan_in_fan_out=True)
    a, b = adapter.values()
    assert merged[f"{up}.weight"].tobytes() == added(base[f"{up}.weight"], a.T, b.T).tobytes()


def test_a_transposed_weight_is_not_guessed_from_its_shape(bench: MergeBench) -> None:
    up = "model.layers.0.mlp.up_proj"
    base = base_arrays()
    base[f"{up}.weight"] = np.ascontiguousarray(base[f"{up}.weight"].T)
    with pytest.raises(MergeFailed, match=r"has the shape \[8, 16\], the adapter's update \[16, 8\]"):
        bench.merge(adapter_arrays({up: MODULES[up]}), base=base)


def test_magnitudes(bench: MergeBench) -> None:
    q = "model.layers.0.self_attn.q_proj"
    adapter = adapter_arrays({q: MODULES[q]})
    adapter[f"base_model.model.{q}.lora_magnitude_vector"] = magnitude = np.abs(random(HIDDEN_SIZE)) + 1
    merged, _ = bench.merge(adapter, use_dora=True)
    lengths = np.linalg.norm(merged[f"{q}.weight"].astype(np.float32), axis=1)
    np.testing.assert_allclose(lengths, magnitude, rtol=5e-3)


@pytest.mark.parametrize(
    ("dora", "change", "place"),
    [
        (True, {}, "model.layers.0.self_attn.q_proj"),
        (False, {"": np.ones(HIDDEN_SIZE, np.float32)}, "lora_magnitude_vector"),
        (True, {"": np.ones(3, np.float32)}, "lora_magnitude_vector"),
    ],
)
def test_magnitudes_that_do_not_fit(bench: MergeBench, dora: bool, change: Arrays, place: str) -> None:
    q = "model.layers.0.self_attn.q_proj"
    more = {f"base_model.model.{q}.lora_magnitude_vector{key}": array for key, array in change.items()}
    with pytest.raises(MergeFailed) as caught:
        bench.merge(adapter_arrays({q: MODULES[q]}) | more, use_dora=dora)
    assert [problem.place.endswith(place) for problem in caught.value.problems] == [True]
