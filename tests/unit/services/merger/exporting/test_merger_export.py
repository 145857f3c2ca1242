"""GGUF files against the package's own reader: names, order, precision, vocabulary, refusals, no half-written file."""

from __future__ import annotations

import json
import re
import tracemalloc
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from gguf import quants
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from scriptorium.errors import Cancelled, DiskFull, MergeFailed
from scriptorium.jobs.reporter import SilentReporter
from services.merger.exporting import vocabulary
from services.merger.exporting.export import export_all, export_model, interleave
from services.merger.exporting.llama import read_llama
from tests.unit.services.merger.merger_models import write_json

HIDDEN_SIZE, HEADS, KEYS, INNER_SIZE, ROWS = 64, 4, 2, 96, 12
LLAMA_3_ROPE = {
    "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8192,
}  # fmt: skip


def config(**changes: Any) -> dict[str, Any]:
    return {
        "architectures": ["LlamaForCausalLM"], "hidden_size": HIDDEN_SIZE, "intermediate_size": INNER_SIZE,
        "vocab_size": ROWS, "num_hidden_layers": 1, "num_attention_heads": HEADS, "num_key_value_heads": KEYS,
        "rms_norm_eps": 1e-5, "max_position_embeddings": 512, "rope_theta": 1e4, "hidden_act": "silu",
        "tie_word_embeddings": True, **changes,
    }  # fmt: skip


def arrays(hidden: int = HIDDEN_SIZE) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    size = HIDDEN_SIZE // HEADS
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (ROWS, hidden),
        "model.layers.0.self_attn.q_proj.weight": (HEADS * size, hidden),
        "model.layers.0.self_attn.k_proj.weight": (KEYS * size, hidden),
        "model.layers.0.mlp.up_proj.weight": (INNER_SIZE, hidden),
        "model.layers.0.input_layernorm.weight": (hidden,),
    }
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def write_model(folder: Path, tensors: dict[str, np.ndarray] | None = None, **changes: Any) -> Path:
    folder.mkdir()
    save_file(tensors or arrays(), folder / "model.safetensors", metadata={"format": "pt"})
    write_json(folder / "config.json", config(**changes))
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    added = [
        {"id": 3, "content": "<|im_end|>", "special": True, **flags},
        {"id": 4, "content": "<tool>", "special": False, **flags},
    ]
    model = {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": [["a", "b"]]}
    pre_tokenizer = {"type": "ByteLevel", "use_regex": True, "add_prefix_space": False, "trim_offsets": True}
    write_json(folder / "tokenizer.json", {"model": model, "added_tokens": added, "pre_tokenizer": pre_tokenizer})
    write_json(folder / "tokenizer_config.json", {"eos_token": "<|im_end|>"})
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    return folder


def read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read the fields and the values of a file."""
    reader = gguf.GGUFReader(path)
    values = {t.name: quants.dequantize(t.data, t.tensor_type).reshape(t.shape[::-1]) for t in reader.tensors}
    return {name: field.contents() for name, field in reader.fields.items()}, values


def neighbours(values: np.ndarray) -> np.ndarray:
    """Put rows i and i + half of each head side by side, one by one."""
    size = HIDDEN_SIZE // HEADS
    order = [
        head + half + row for head in range(0, len(values), size) for row in range(size // 2) for half in (0, size // 2)
    ]
    return values[order]


@pytest.mark.parametrize(("export", "error"), [("gguf-f16", 2e-3), ("gguf-q8_0", 2e-2)])
def test_every_tensor_is_there_in_llama_cpps_order(tmp_path: Path, export: Any, error: float) -> None:
    before = arrays()
    export_model(write_model(tmp_path / "model"), export, tmp_path / "out.gguf", SilentReporter())
    _, values = read(tmp_path / "out.gguf")
    expected = {
        "token_embd.weight": before["model.embed_tokens.weight"],
        "blk.0.attn_q.weight": neighbours(before["model.layers.0.self_attn.q_proj.weight"]),
        "blk.0.attn_k.weight": neighbours(before["model.layers.0.self_attn.k_proj.weight"]),
        "blk.0.ffn_up.weight": before["model.layers.0.mlp.up_proj.weight"],
        "blk.0.attn_norm.weight": before["model.layers.0.input_layernorm.weight"],
    }
    assert values.keys() == expected.keys()
    for name, array in expected.items():
        assert np.abs(values[name] - array).max() <= error, name
    assert np.array_equal(values["blk.0.attn_norm.weight"], expected["blk.0.attn_norm.weight"])  # fp32


def test_rows_that_do_not_divide_into_blocks_stay_fp16(tmp_path: Path) -> None:
    tensors = {"model.embed_tokens.weight": np.ones((ROWS, 40), np.float32)}
    export_model(write_model(tmp_path / "model", tensors), "gguf-q8_0", tmp_path / "out.gguf", SilentReporter())
    [tensor] = gguf.GGUFReader(tmp_path / "out.gguf").tensors
    assert tensor.tensor_type is gguf.GGMLQuantizationType.F16


def test_numbers_and_vocabulary(tmp_path: Path) -> None:
    export_model(write_model(tmp_path / "tiny"), "gguf-q8_0", tmp_path / "out.gguf", SilentReporter())
    fields, _ = read(tmp_path / "out.gguf")
    expected = {
        "general.architecture": "llama", "general.name": "tiny", "general.file_type": 7, "llama.block_count": 1,
        "llama.embedding_length": HIDDEN_SIZE, "llama.attention.head_count_kv": KEYS, "llama.rope.dimension_count": 16,
        "tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.eos_token_id": 3, "tokenizer.ggml.eot_token_id": 3, "tokenizer.chat_template": "{{ messages }}",
        "tokenizer.ggml.add_bos_token": False,
    }  # fmt: skip
    assert {name: fields[name] for name in expected} == expected
    assert fields["tokenizer.ggml.tokens"] == [
        "a", "b", "ab", "<|im_end|>", "<tool>", *(f"[PAD{n}]" for n in range(5, ROWS)),
    ]  # fmt: skip
    assert fields["tokenizer.ggml.token_type"] == [1, 1, 1, 3, 4] + [5] * (ROWS - 5)


def test_llama_3s_frequencies_are_written_with_factors(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", rope_parameters=LLAMA_3_ROPE, head_dim=128)
    llama = read_llama(json.loads((model / "config.json").read_text()))
    factors = llama.frequency_factors()
    assert factors is not None
    assert (factors[0], factors[-1]) == (1, 8)  # short waves stay, long ones are stretched by the factor
    assert np.all(np.diff(factors) >= 0)
    assert 1 < factors[30] < 8
    assert read_llama(config(rope_scaling={"type": "linear", "factor": 2.0})).frequency_factors() is None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"architectures": ["Qwen3MoeForCausalLM"]}, "config.json.architectures: Qwen3MoeForCausalLM"),
        ({"rope_scaling": {"rope_type": "yarn"}}, "config.json.rope_type: yarn"),
        ({"hidden_act": "gelu"}, "config.json.hidden_act: gelu"),
        ({"sliding_window": 4096}, "config.json.sliding_window: 4096"),
    ],
)
def test_what_the_file_cannot_hold_is_refused_by_name(tmp_path: Path, changes: Any, place: str) -> None:
    model = write_model(tmp_path / "model", **changes)
    with pytest.raises(MergeFailed, match="Llama-like") as caught:
        export_model(model, "gguf-f16", tmp_path / "out.gguf", SilentReporter())
    assert [str(problem) for problem in caught.value.problems] == [f"{place} is not supported"]
    assert "convert_hf_to_gguf" in (caught.value.next_step or "")
    assert list(tmp_path.iterdir()) == [model]


def test_a_tensor_without_a_name_in_gguf_is_refused(tmp_path: Path) -> None:
    model = write_model(tmp_path / "model", arrays() | {"model.strange.weight": np.ones((2, 2), np.float32)})
    with pytest.raises(MergeFailed) as caught:
        export_model(model, "gguf-f16", tmp_path / "out.gguf", SilentReporter())
    assert [problem.place for problem in caught.value.problems] == ["model.strange.weight"]


def test_values_that_fp16_cannot_hold_leave_no_file(tmp_path: Path) -> None:
    tensors = arrays() | {"model.layers.0.mlp.up_proj.weight": np.full((INNER_SIZE, HIDDEN_SIZE), 1e5, np.float32)}
    with pytest.raises(MergeFailed, match=r"up_proj\.weight has values that fp16 cannot hold"):
        export_model(write_model(tmp_path / "model", tensors), "gguf-f16", tmp_path / "out.gguf", SilentReporter())
    assert not list(tmp_path.glob("*.gguf*"))


def test_a_stopped_export_leaves_no_file_and_a_full_disk_is_noticed_first(tmp_path: Path) -> None:
    class CancelledExport(SilentReporter):
        def check(self) -> None:
            raise Cancelled("by the user")

    model = write_model(tmp_path / "model")
    with pytest.raises(Cancelled):
        export_model(model, "gguf-f16", tmp_path / "out.gguf", CancelledExport())
    with pytest.raises(DiskFull, match=r"out.gguf needs [\d,]+ bytes .* 1,000 are free"):
        export_model(model, "gguf-f16", tmp_path / "out.gguf", SilentReporter(), 1000)
    assert not list(tmp_path.glob("*.gguf*"))


def test_an_export_that_cannot_be_written_is_reported_and_the_job_goes_on(tmp_path: Path) -> None:
    reporter = SilentReporter()
    names = export_all(["gguf-f16", "gguf-q8_0"], write_model(tmp_path / "model"), reporter, 1 << 40)
    files = ["model-f16.gguf", "model-f16.Modelfile", "model-q8_0.gguf", "model-q8_0.Modelfile"]
    assert names == [f"exports/{name}" for name in files]
    assert all((tmp_path / "model" / name).stat().st_size > 1000 for name in names[::2])
    assert export_all(["gguf-f16"], write_model(tmp_path / "other", architectures=["Mamba"]), reporter, 1 << 40) == []
    assert re.search(r"gguf-f16 not written: .*Mamba.*Convert the merged folder", reporter.messages[-1], re.DOTALL)


def test_memory_does_not_grow_with_a_tensor(tmp_path: Path) -> None:
    tensors = {"model.embed_tokens.weight": np.ones((40_000, 1024), np.float32)}  # 164 MB
    model = write_model(tmp_path / "model", tensors)
    tracemalloc.start()
    export_model(model, "gguf-q8_0", tmp_path / "out.gguf", SilentReporter())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 80e6


@given(st.integers(1, 4), st.sampled_from([2, 4, 8]), st.integers(1, 3))
def test_interleaving_is_a_permutation_within_heads(heads: int, head: int, columns: int) -> None:
    values = np.arange(heads * head * columns, dtype=np.float32).reshape(-1, columns)
    interleaved = interleave(values, head)
    assert sorted(interleaved.ravel()) == sorted(values.ravel())
    for number in range(heads):
        rows = slice(number * head, (number + 1) * head)
        assert sorted(interleaved[rows].ravel()) == sorted(values[rows].ravel())
        assert np.array_equal(interleaved[rows][0::2], values[rows][: head // 2])


BYTES = {"type": "ByteLevel", "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}
REST = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def split(pattern: str) -> list[dict[str, Any]]:
    return [{"type": "Split", "pattern": {"Regex": pattern}}, {"type": "ByteLevel", "use_regex": False}]


def name_of(steps: list[dict[str, Any]], model: str = "BPE") -> str:
    pre_tokenizer = steps[0] if len(steps) == 1 else {"type": "Sequence", "pretokenizers": steps}
    return vocabulary.find_pre_tokenizer({"model": {"type": model}, "pre_tokenizer": pre_tokenizer})


@pytest.mark.parametrize(
    ("steps", "name"),
    [
        ([BYTES], "gpt-2"),
        ([DIGITS, BYTES], "smollm"),
        (split(vocabulary.LLAMA_3_PATTERN + REST), "llama-bpe"),
        (split(vocabulary.GPT_2_PATTERN), "gpt-2"),
    ],
)
def test_a_known_pre_tokenizer_has_a_name(steps: list[dict[str, Any]], name: str) -> None:
    assert name_of(steps) == name


@pytest.mark.parametrize(
    ("steps", "model"),
    [
        ([{"type": "Metaspace"}], "Unigram"),
        ([{}], "BPE"),
        (split("."), "BPE"),
        ([{**BYTES, "use_regex": False}], "BPE"),
    ],
)
def test_a_tokenizer_without_a_certain_name_is_refused(steps: list[dict[str, Any]], model: str) -> None:
    with pytest.raises(MergeFailed, match="no name that fits this tokenizer"):
        name_of(steps, model)


@pytest.mark.parametrize(
    ("name", "text"),
    [("tokenizer.json", "{"), ("tokenizer.json", "[]"), ("tokenizer.json", None),
     ("config.json", '{"architectures": 7}'), ("config.json", '{"architectures": ["LlamaForCausalLM"]}'),
     ("tokenizer_config.json", "\xff")],
)  # fmt: skip
def test_a_damaged_configuration_or_tokenizer_is_a_clear_error(tmp_path: Path, name: str, text: str | None) -> None:
    model = write_model(tmp_path / "model")
    (model / name).unlink()
    if text is not None:
        (model / name).write_bytes(text.encode("latin-1"))
    with pytest.raises(MergeFailed) as caught:
        export_model(model, "gguf-f16", tmp_path / "model.gguf", SilentReporter())
    assert caught.value.param
    assert str(tmp_path) not in str(caught.value), "a path of the server"
    assert list(tmp_path.glob("model.gguf*")) == []
