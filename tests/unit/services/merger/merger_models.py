"""Tiny bases, adapters and trainings on disk, built with numpy, and the plain fp32 merge that ours is compared with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from scriptorium.artifacts import manifest
from services.merger.inputs.safetensors_file import FLOATS

HIDDEN_SIZE, INNER_SIZE, VOCABULARY, LAYERS = 8, 16, 12, 2
SHAPES = {
    "self_attn.q_proj": (HIDDEN_SIZE, HIDDEN_SIZE),
    "mlp.up_proj": (INNER_SIZE, HIDDEN_SIZE),
    "mlp.down_proj": (HIDDEN_SIZE, INNER_SIZE),
}
MODULES = {f"model.layers.{layer}.{name}": shape for layer in range(LAYERS) for name, shape in SHAPES.items()}
END = "<|im_end|>"
TOKENS = {"a": 0, "b": 1, "<|endoftext|>": 2}

Arrays = dict[str, NDArray[Any]]


def base_arrays(dtype: str = "BF16", *, tied: bool = False) -> Arrays:
    """Return the tensors of a model of two layers."""
    rng = np.random.default_rng(1)
    shapes: dict[str, tuple[int, ...]] = {f"{module}.weight": shape for module, shape in MODULES.items()}
    shapes |= {f"model.layers.{layer}.input_layernorm.weight": (HIDDEN_SIZE,) for layer in range(LAYERS)}
    shapes["model.embed_tokens.weight"] = (VOCABULARY, HIDDEN_SIZE)
    if not tied:
        shapes["lm_head.weight"] = (VOCABULARY, HIDDEN_SIZE)
    return {name: rng.normal(size=shape).astype(FLOATS[dtype]) for name, shape in shapes.items()}


def write_base(
    folder: Path, arrays: Arrays | None = None, *, dtype: str = "BF16", shards: int = 1, tied: bool = False
) -> Path:
    """Write a base model with its tokenizer."""
    arrays = base_arrays(dtype, tied=tied) if arrays is None else arrays
    folder.mkdir(parents=True)
    names = sorted(arrays)
    files = [f"model-{n + 1:05}-of-{shards:05}.safetensors" for n in range(shards)] if shards > 1 else []
    for number, file in enumerate(files or ["model.safetensors"]):
        part = {name: arrays[name] for name in names[number::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
    if files:
        weight_map = {name: files[index % shards] for index, name in enumerate(names)}
        write_json(folder / "model.safetensors.index.json", {"metadata": {}, "weight_map": weight_map})
    write_json(folder / "config.json", {"tie_word_embeddings": tied, "eos_token_id": 2})
    write_json(folder / "generation_config.json", {"eos_token_id": 2})
    write_tokenizer(folder, end="<|endoftext|>", tokens=TOKENS)
    return folder


def write_tokenizer(folder: Path, *, end: str = END, tokens: Mapping[str, int] | None = None) -> None:
    """Write the files of a tokenizer."""
    added = [{"id": 3, "content": END, "special": True}]
    write_json(folder / "tokenizer.json", {"model": {"vocab": tokens or TOKENS}, "added_tokens": added})
    write_json(folder / "tokenizer_config.json", {"eos_token": end})
    (folder / "chat_template.jinja").write_text("{{ messages }}")


def adapter_arrays(modules: Mapping[str, tuple[int, int]] = MODULES, *, rank: int = 2) -> Arrays:
    """Return random A and B for each module."""
    rng = np.random.default_rng(2)
    arrays: Arrays = {}
    for module, (outputs, inputs) in modules.items():
        arrays[f"base_model.model.{module}.lora_A.weight"] = rng.normal(size=(rank, inputs)).astype(np.float32)
        arrays[f"base_model.model.{module}.lora_B.weight"] = rng.normal(size=(outputs, rank)).astype(np.float32)
    return arrays


def write_adapter(folder: Path, arrays: Arrays | None = None, **config: Any) -> Path:
    """Write an adapter as PEFT does; `config` overrides its keys."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = adapter_arrays() if arrays is None else arrays
    save_file(arrays, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    plain = {"peft_type": "LORA", "r": 2, "lora_alpha": 3, "bias": "none", "target_modules": ["q_proj"]}
    write_json(folder / "adapter_config.json", plain | config)
    return folder


def write_checkpoint(
    training: Path, step: int = 6, loss: float | None = 3.0, arrays: Arrays | None = None, **config: Any
) -> Path:
    """Write a complete checkpoint: adapter, trained tokenizer, manifest."""
    folder = write_adapter(training / "checkpoints" / f"checkpoint-{step}", arrays, **config)
    write_tokenizer(folder)
    manifest.write(folder, {"step": step, "created_at": 0, "train_loss": None, "dev_loss": loss})
    return folder


def write_json(path: Path, body: Any) -> None:
    """Write one JSON file."""
    path.write_text(json.dumps(body))


def load_model(folder: Path) -> Arrays:
    """Read every tensor of every shard with the safetensors library itself."""
    return {name: array for path in folder.glob("*.safetensors") for name, array in load_file(path).items()}


def reference(base: Arrays, adapter: Arrays, scale: float) -> Arrays:
    """Merge in the plainest form: fp32, then rounded to the stored type."""
    merged = dict(base)
    for name, a in adapter.items():
        module = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        if f"{module}.weight" in base:
            b = adapter[name.replace("lora_A", "lora_B")].astype(np.float32)
            weight = base[f"{module}.weight"]
            update = np.float32(scale) * (b @ a.astype(np.float32))
            merged[f"{module}.weight"] = (weight.astype(np.float32) + update).astype(weight.dtype)
    return merged
