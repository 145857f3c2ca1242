"""The particulars of Llama in GGUF: its metadata, its rotary embedding, the order of query and key rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import gguf
import numpy as np

from scriptorium.errors import MergeFailed, Problem
from services.merger.inputs.safetensors_file import Float32

ARCHITECTURES = ("LlamaForCausalLM", "MistralForCausalLM")  # one architecture to llama.cpp
OTHER_CONVERTER = "Convert the merged folder with llama.cpp's convert_hf_to_gguf.py, or leave the format out."


@dataclass(frozen=True)
class Llama:
    """A Llama's config.json, checked."""

    config: dict[str, Any]
    rope: dict[str, Any]
    architecture = "llama"
    next_step = OTHER_CONVERTER

    @property
    def layers(self) -> int:
        """The number of layers."""
        return int(self.config["num_hidden_layers"])

    @property
    def heads(self) -> int:
        """The number of query heads."""
        return int(self.config["num_attention_heads"])

    @property
    def head_size(self) -> int:
        """The size of one head."""
        return int(self.config.get("head_dim") or self.config["hidden_size"] // self.heads)

    def rows_per_head(self, name: str) -> int:
        """Return how many rows of a tensor form one head and are reordered; 0 for all but queries and keys."""
        return self.head_size if ".q_proj." in name or ".k_proj." in name else 0

    def add_metadata(self, writer: gguf.GGUFWriter, file_type: gguf.LlamaFileType, name: str) -> None:
        """Add every number that llama.cpp needs."""
        config = self.config
        writer.add_type("model")
        writer.add_name(name)
        writer.add_file_type(file_type)
        writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
        writer.add_vocab_size(config["vocab_size"])
        writer.add_block_count(self.layers)
        writer.add_context_length(config["max_position_embeddings"])
        writer.add_embedding_length(config["hidden_size"])
        writer.add_feed_forward_length(config["intermediate_size"])
        writer.add_head_count(self.heads)
        writer.add_head_count_kv(config.get("num_key_value_heads") or self.heads)
        writer.add_key_length(self.head_size)
        writer.add_value_length(self.head_size)
        writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
        writer.add_rope_dimension_count(self.head_size)
        writer.add_rope_freq_base(self.rope.get("rope_theta", 10000.0))
        if self.rope["rope_type"] == "linear":
            writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            writer.add_rope_scaling_factor(self.rope["factor"])

    def frequency_factors(self) -> Float32 | None:
        """Return the divisors of Llama 3.1's rotary frequencies; long waves are stretched, short ones are not."""
        if self.rope["rope_type"] != "llama3":
            return None
        base, size = float(self.rope.get("rope_theta", 10000.0)), self.head_size
        lengths = 2 * math.pi * base ** (np.arange(0, size, 2) / size)
        factor, low, high = (float(self.rope[name]) for name in ("factor", "low_freq_factor", "high_freq_factor"))
        turns = float(self.rope["original_max_position_embeddings"]) / lengths
        smooth = np.clip((turns - low) / (high - low), 0, 1)
        return (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)


def read_llama(config: dict[str, Any]) -> Llama:
    """Check a config.json; raises MergeFailed with everything that this export does not support."""
    rope = {**(config.get("rope_scaling") or {}), **(config.get("rope_parameters") or {})}
    rope = {"rope_theta": config.get("rope_theta", 10000.0), **rope}
    rope["rope_type"] = rope.get("rope_type") or rope.get("type") or "default"
    architectures = config.get("architectures") or ["none"]
    unsupported = {
        "architectures": None if architectures[0] in ARCHITECTURES else architectures[0],
        "rope_type": None if rope["rope_type"] in ("default", "linear", "llama3") else rope["rope_type"],
        "hidden_act": None if config.get("hidden_act", "silu") == "silu" else config["hidden_act"],
        "sliding_window": config.get("sliding_window"),
    }
    problems = [
        Problem(f"config.json.{key}", f"{value} is not supported") for key, value in unsupported.items() if value
    ]
    if problems:
        raise MergeFailed("GGUF is written for Llama-like models only.", problems=problems, next_step=OTHER_CONVERTER)
    return Llama(config, rope)
