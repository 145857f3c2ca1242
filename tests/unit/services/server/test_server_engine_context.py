"""The context that fits an engine's key-value cache, by arithmetic that the tests write out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scriptorium.planning.model_shape import known_shape
from scriptorium.process.device_memory import DeviceMemory
from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server import engine_context
from services.server.engine import choose_context, make_command
from services.server.engine_context import CPU_CACHE, FittedContext, fit_context, gpu_room, kv_token_bytes

GIB = 1024**3
RTX_5090 = int(31.84 * GIB)
LLAMA = known_shape("meta-llama/Llama-3.1-8B-Instruct")
CONFIG: dict[str, Any] = {
    "model_type": "llama", "vocab_size": 128256, "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "max_position_embeddings": 131072,
}  # fmt: skip


def write_config(folder: Path, **changes: Any) -> Path:
    (folder / "config.json").write_text(json.dumps(CONFIG | changes))
    return folder


def on_card(monkeypatch: pytest.MonkeyPatch, total: int) -> None:
    monkeypatch.setattr(engine_context, "read_device_memory", lambda gpu: DeviceMemory(total, total))


def test_a_token_of_an_8b_model_takes_128_kib() -> None:
    assert LLAMA
    assert kv_token_bytes(LLAMA) == 2 * 32 * 8 * 128 * 2 == 128 * 1024


def test_an_8b_model_has_64000_tokens_on_a_card_of_32_gb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_card(monkeypatch, RTX_5090)
    settings = Settings(device="cuda", engine_memory_share=0.9)
    fitted = fit_context(write_config(tmp_path), settings, 64_000, rank=64)
    assert (fitted.tokens, fitted.reason) == (64_000, "")
    assert fitted.room
    assert 80_000 < fitted.room.tokens < 110_000, "docs and facts say some 84,000 at a share of .85"


def test_what_does_not_fit_is_said_with_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_card(monkeypatch, 24 * GIB)
    settings = Settings(device="cuda", engine_memory_share=0.85)
    fitted = fit_context(write_config(tmp_path), settings, 64_000)
    assert 10_000 < fitted.tokens < 30_000
    assert fitted.tokens % 128 == 0
    assert "64,000 tokens need 7.8 GiB of key-value cache" in fitted.reason
    assert "0.85 of the card's 24.0 GiB, less 15.0 of weights" in fitted.reason


def test_the_context_is_that_of_the_card_which_the_engine_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cards = {0: DeviceMemory(80 * GIB, 80 * GIB), 1: DeviceMemory(24 * GIB, 24 * GIB)}
    monkeypatch.setattr(engine_context, "read_device_memory", cards.get)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    settings = Settings(device="cuda", engine_context=64_000, engine_memory_share=0.9)
    plan = (WantedModel(name="base", folder=str(write_config(tmp_path))),)
    contexts = [choose_context(plan, settings, gpu) for gpu in (0, 1)]
    assert contexts[0] == 64_000
    assert 10_000 < contexts[1] < 40_000
    line = [str(part) for part in make_command(plan, settings, 9000, gpu=1)]
    assert line[line.index("--max-model-len") + 1] == str(contexts[1])


def test_half_of_the_card_leaves_no_room_and_no_negative_context(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_card(monkeypatch, 24 * GIB)
    fitted = fit_context(write_config(tmp_path), Settings(device="cuda", engine_memory_share=0.5), 64_000)
    assert fitted.tokens == 0
    assert "there are 0.0 GiB" in fitted.reason


def test_fp32_takes_twice_the_room_of_weights_and_cache() -> None:
    assert LLAMA
    half, full = gpu_room(LLAMA, 80 * GIB, 0.9), gpu_room(LLAMA, 80 * GIB, 0.9, value_bytes=4)
    assert full.token_bytes == 2 * half.token_bytes
    assert half.bytes - full.bytes >= LLAMA.parameters * 2
    assert half.bytes - gpu_room(LLAMA, 80 * GIB, 0.9, rank=64).bytes == LLAMA.lora_parameters(64) * 2


def test_a_model_has_a_longest_context_of_its_own(tmp_path: Path) -> None:
    fitted = fit_context(write_config(tmp_path, max_position_embeddings=2048), Settings(device="cpu"), 4096)
    assert (fitted.tokens, fitted.reason) == (2048, "4,096 tokens are more than the model's own 2,048")


def test_on_a_cpu_the_cache_has_a_size_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_config(tmp_path)
    fitted = fit_context(tmp_path, Settings(device="cpu", engine_kv_cache_gib=1), 64_000)
    assert fitted.tokens == 8192 - 128, "a GiB of tokens of 128 KiB, less the block that vLLM keeps back"
    assert "SCRIPTORIUM_ENGINE_KV_CACHE_GIB is 1" in fitted.reason
    monkeypatch.setenv(CPU_CACHE, "4")
    assert fit_context(tmp_path, Settings(device="cpu"), 64_000).tokens == 32768 - 128
    monkeypatch.setenv(CPU_CACHE, "much")
    assert fit_context(tmp_path, Settings(device="cpu"), 64_000).tokens == 8192 - 128


def test_a_model_of_an_unknown_kind_gets_its_wish(tmp_path: Path) -> None:
    settings = Settings(device="cpu")
    assert fit_context(tmp_path, settings, 4096) == FittedContext(4096, None, None)
    assert fit_context(write_config(tmp_path, model_type="mamba"), settings, 4096).tokens == 4096
