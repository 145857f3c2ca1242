"""The context that fits an engine: its key-value cache must hold one request of that length.

    fit_context(folder, settings, 64_000).tokens

On a GPU the cache gets what vLLM's share of the card leaves beside the weights, the adapter and what vLLM works with;
on a CPU it has a size of its own. vLLM measures for itself when it starts, and has the last word.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scriptorium.errors import BaseModelUnusable
from scriptorium.planning.model_shape import ModelShape, read_shape
from scriptorium.planning.this_machine import gpu_index
from scriptorium.process.device_memory import GIB, read_device_memory
from scriptorium.settings import Settings

VALUE_BYTES = 2  # bf16 or fp16: what vLLM serves unless asked for fp32
BLOCK_TOKENS = 128  # vLLM's cache is dealt out in blocks of 16 to 128 tokens, and keeps one of them back
RUNTIME_BYTES = 5 * GIB // 4  # CUDA context, kernels and graphs: a guess on the careful side, no card has told yet
PROFILED_TOKENS, PROFILED_REQUESTS = 2048, 256  # vLLM tries a batch of so many before it measures what is left
SAMPLER_BYTES = 12  # of a logit of each request: fp32, its softmax, and the two sorted
CPU_CACHE = "VLLM_CPU_KVCACHE_SPACE"  # GiB; the user's own wins over the setting


@dataclass(frozen=True)
class CacheRoom:
    """The bytes for the cache, where they come from in words, and what a token takes of them."""

    bytes: int
    source: str
    token_bytes: int

    @property
    def tokens(self) -> int:
        """The longest context that fits, in whole blocks."""
        return max(0, self.bytes // (self.token_bytes * BLOCK_TOKENS) - 1) * BLOCK_TOKENS

    def describe(self, tokens: int) -> str:
        """Say what a context would need, and what there is."""
        return (
            f"{tokens:,} tokens need {tokens * self.token_bytes / GIB:.1f} GiB of key-value cache, and there are "
            f"{max(0, self.bytes) / GIB:.1f} GiB: {self.source}"
        )


@dataclass(frozen=True)
class FittedContext:
    """The context for a wish; `limit` is the model's own longest one; None means that it is not known."""

    wish: int
    limit: int | None
    room: CacheRoom | None

    @property
    def tokens(self) -> int:
        """The longest context up to the wish that the model has and the cache can hold."""
        return min([self.wish, *([self.limit] if self.limit else []), *([self.room.tokens] if self.room else [])])

    @property
    def reason(self) -> str:
        """Why the context is shorter than the wish; empty if it is not."""
        if self.tokens == self.wish:
            return ""
        if self.limit == self.tokens or self.room is None:
            return f"{self.wish:,} tokens are more than the model's own {self.limit:,}"
        return self.room.describe(min(self.wish, self.limit or self.wish))


def fit_context(
    folder: Path,
    settings: Settings,
    wish: int,
    *,
    rank: int = 0,
    value_bytes: int = VALUE_BYTES,
    gpu: int | None = None,
) -> FittedContext:
    """Fit a wish to the model in a folder, with an adapter of a rank, on one `gpu` or the first of this machine."""
    return FittedContext(wish, read_limit(folder), find_room(folder, settings, rank, value_bytes, gpu))


def read_limit(folder: Path) -> int | None:
    """Return the longest context that a model was made for; None if its config does not tell."""
    with suppress(OSError, ValueError, AttributeError):
        config = json.loads((folder / "config.json").read_text("utf-8"))
        limit = config.get("text_config", config).get("max_position_embeddings")
        return limit if isinstance(limit, int) else None
    return None


def find_room(
    folder: Path, settings: Settings, rank: int = 0, value_bytes: int = VALUE_BYTES, gpu: int | None = None
) -> CacheRoom | None:
    """Return the room for the cache; None for a model of a kind that is not known, or a card that does not tell."""
    try:
        shape = read_shape(folder)
    except BaseModelUnusable:
        return None
    token_bytes = kv_token_bytes(shape, value_bytes)
    if not settings.gpu:
        size = cpu_cache_bytes(settings)
        return CacheRoom(size, f"SCRIPTORIUM_ENGINE_KV_CACHE_GIB is {size / GIB:g}", token_bytes)
    memory = read_device_memory(gpu_index(settings) if gpu is None else gpu)
    return gpu_room(shape, memory.total, settings.engine_memory_share, rank, value_bytes) if memory else None


def kv_token_bytes(shape: ModelShape, value_bytes: int = VALUE_BYTES) -> int:
    """Return the bytes of a token's keys and values in all layers: 2 x layers x KV heads x head size x value."""
    return 2 * shape.layers * shape.kv_width * value_bytes


def gpu_room(shape: ModelShape, total: int, share: float, rank: int = 0, value_bytes: int = VALUE_BYTES) -> CacheRoom:
    """Return what a share of a card's memory leaves for the cache."""
    weights = (shape.parameters + (shape.lora_parameters(rank) if rank else 0)) * value_bytes
    working = working_bytes(shape, value_bytes)
    source = (
        f"{share:g} of the card's {total / GIB:.1f} GiB, less {weights / GIB:.1f} of weights and about "
        f"{working / GIB:.1f} that vLLM works with"
    )
    return CacheRoom(int(share * total) - weights - working, source, kv_token_bytes(shape, value_bytes))


def working_bytes(shape: ModelShape, value_bytes: int = VALUE_BYTES) -> int:
    """Return what vLLM needs beside weights and cache: its largest batch's activations, the sampler, the runtime."""
    activations = PROFILED_TOKENS * (3 * shape.intermediate + 4 * shape.hidden) * value_bytes
    return RUNTIME_BYTES + activations + PROFILED_REQUESTS * shape.vocabulary * SAMPLER_BYTES


def cpu_cache_bytes(settings: Settings) -> int:
    """Return the size of an engine's cache on a CPU."""
    with suppress(ValueError):
        if size := float(os.environ.get(CPU_CACHE, "")):
            return int(size * GIB)
    return settings.engine_kv_cache_gib * GIB
