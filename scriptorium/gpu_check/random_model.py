"""A model folder with random weights and a tokenizer of bytes, written shard by shard: it needs no download.

Speed and memory depend on shapes, not on values. The weights are pieces of one block of noise, because drawing eight
billion numbers takes longer than writing them; norms are ones, as in a real model, so that losses stay finite.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path

import ml_dtypes
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from scriptorium.gpu_check.shape import BF16_BYTES, CheckShape

SHARD_BYTES = 1_200_000_000
NOISE_VALUES = 1 << 24
WEIGHT_DEVIATION = 0.02  # of Llama's own initialisation
SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
Shapes = dict[str, tuple[int, ...]]


def write_model(folder: Path, shape: CheckShape) -> None:
    """Write the model folder; config.json last, so that a folder with one is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tokenizer(folder, shape.vocabulary)
    noise = np.random.default_rng(0).normal(0, WEIGHT_DEVIATION, NOISE_VALUES).astype(ml_dtypes.bfloat16)
    shards = list(split_into_shards(shape.tensors))
    places: dict[str, str] = {}
    for number, tensors in enumerate(shards, start=1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_shard(folder / name, tensors, noise)
        places |= dict.fromkeys(tensors, name)
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": shape.bytes}, "weight_map": places})
    write_json(folder / "config.json", shape.config)


def split_into_shards(tensors: Mapping[str, tuple[int, ...]], limit: int = SHARD_BYTES) -> Iterator[Shapes]:
    """Yield the tensors in shards of at most `limit` bytes, or of a single larger tensor."""
    shard: Shapes = {}
    size = 0
    for name, shape in tensors.items():
        tensor_bytes = BF16_BYTES * prod(shape)
        if shard and size + tensor_bytes > limit:
            yield shard
            shard, size = {}, 0
        shard[name] = shape
        size += tensor_bytes
    yield shard


def write_shard(path: Path, tensors: Shapes, noise: NDArray[np.generic]) -> None:
    """Write one file of tensors: ones for norms, else noise that begins at another place for each."""
    rng = np.random.default_rng(len(tensors))
    values = {
        name: np.ones(shape, noise.dtype)
        if len(shape) == 1
        else np.resize(np.roll(noise, rng.integers(noise.size)), shape)
        for name, shape in tensors.items()
    }
    save_file(values, path, metadata={"format": "pt"})


def write_tokenizer(folder: Path, vocabulary: int) -> None:
    """Write a tokenizer of single bytes that knows `vocabulary` tokens: what the model writes can be decoded."""
    symbols = sorted(pre_tokenizers.ByteLevel.alphabet())
    unused = [f"<{number}>" for number in range(vocabulary - len(symbols) - len(SPECIAL_TOKENS))]
    ids = {token: number for number, token in enumerate([*symbols, *unused])}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL_TOKENS])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
        "bos_token": None, "chat_template": TEMPLATE, "model_max_length": 8192,
    }  # fmt: skip
    write_json(folder / "tokenizer_config.json", settings)


def write_json(path: Path, body: object) -> None:
    """Write one JSON file."""
    path.write_text(json.dumps(body, indent=1), encoding="utf-8")
