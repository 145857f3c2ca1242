"""Shapes, datasets and devices of plans in tests."""

from __future__ import annotations

from scriptorium.planning.dataset_size import DatasetSize
from scriptorium.planning.device import Device
from scriptorium.planning.model_shape import ModelShape, shape_of

GIB = 1024**3

LLAMA_8B = {
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
}
SMOLLM2_135M = {
    "model_type": "llama",
    "vocab_size": 49152,
    "hidden_size": 576,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "head_dim": 64,
    "intermediate_size": 1536,
    "tie_word_embeddings": True,
    "dtype": "bfloat16",
}


def llama() -> ModelShape:
    return shape_of(LLAMA_8B, "Llama-3.1-8B")


def smollm() -> ModelShape:
    return shape_of(SMOLLM2_135M, "SmolLM2-135M")


def book(rows: int = 41, row: int = 1500, longest: int = 2090, dev: int = 6) -> DatasetSize:
    """The 63,000 words of the seed workflow's book, with the recipe qlora."""
    return DatasetSize(rows=rows, tokens=rows * row, longest_row=longest, answer_tokens=rows * (row - 90), dev_rows=dev)


def card(free: float = 30.0, total: float = 31.8, disk: float = 500.0) -> Device:
    """An RTX 5090 with so many GiB."""
    sizes = (round(size * GIB) for size in (total, free, disk))
    return Device("NVIDIA GeForce RTX 5090", True, 209.5e12, *sizes)


def cpu(free: float = 16.0) -> Device:
    return Device("cpu", False, 4.5e11, 24 * GIB, round(free * GIB), 100 * GIB)
