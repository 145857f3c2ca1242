"""The engine of the check: how long until it answers, how fast it writes, and how long until its memory is free."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import httpx

from scriptorium.errors import EngineFailed
from scriptorium.gpu_check.record import GIB, Numbers
from scriptorium.planning.this_machine import gpu_index
from scriptorium.process.device_memory import read_device_memory
from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server.engine import VllmEngine

MODEL = "gpu-check"
PROMPT = "Write a scene where a character discovers an alien artifact."
ANSWER_TOKENS = 128
STREAMS = 32
POLL_INTERVAL = 0.5  # seconds
FREE_TIMEOUT = 60.0  # seconds that a driver may take to report the engine's memory as free
FREE_TOLERANCE = GIB


def serve_once(folder: Path, log: Path, settings: Settings) -> Numbers:
    """Serve a model, let it write alone and in parallel, and stop it. Raises EngineFailed."""
    gpu = gpu_index(settings) if settings.gpu else None
    free_before = free_bytes(gpu)
    started = time.monotonic()
    engine = VllmEngine((WantedModel(name=MODEL, folder=str(folder)),), settings, log, gpu=gpu)
    try:
        await_engine(engine, settings)
        write(engine.url, streams=1, tokens=1)
        ready = time.monotonic() - started
        single, parallel = (write(engine.url, streams=count, tokens=ANSWER_TOKENS) for count in (1, STREAMS))
    finally:
        stopping = time.monotonic()
        engine.stop()
    freed = await_memory(gpu, free_before)
    numbers = {"ready_s": ready, "tokens_s": single, f"tokens_s_{STREAMS}": parallel}
    return {**numbers, "stop_s": time.monotonic() - stopping, "left_gib": freed}


def await_engine(engine: VllmEngine, settings: Settings) -> None:
    """Wait until the engine is ready. Raises EngineFailed if it ends, or is not ready in time."""
    deadline = time.monotonic() + settings.engine_ready_timeout.total_seconds()
    while not engine.ready:
        if engine.dead or time.monotonic() > deadline:
            raise EngineFailed(f"vLLM does not answer: {engine.failure_reason()}")
        time.sleep(POLL_INTERVAL)
        engine.check_health()


def write(url: str, *, streams: int, tokens: int) -> float:
    """Return the tokens per second of answers of exactly `tokens` tokens, `streams` at once. Raises EngineFailed."""
    body = {
        "model": MODEL, "messages": [{"role": "user", "content": PROMPT}], "max_tokens": tokens, "ignore_eos": True,
    }  # fmt: skip

    async def send_all() -> int:
        async with httpx.AsyncClient(base_url=url, timeout=600, trust_env=False) as client:
            answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for _ in range(streams)))
        for answer in answers:
            answer.raise_for_status()
        return sum(int(answer.json()["usage"]["completion_tokens"]) for answer in answers)

    started = time.monotonic()
    try:
        written = asyncio.run(send_all())
    except httpx.HTTPError as error:
        raise EngineFailed(f"vLLM did not answer: {error}") from error
    if written < streams * tokens:
        raise EngineFailed(f"vLLM wrote {written} tokens instead of {streams * tokens}.")
    return written / (time.monotonic() - started)


def free_bytes(gpu: int | None) -> int | None:
    """Return the free memory of a GPU; None without one: a machine's memory has other users."""
    memory = None if gpu is None else read_device_memory(gpu)
    return None if memory is None else memory.free


def await_memory(gpu: int | None, before: int | None) -> float:
    """Wait until as much memory is free as before the engine; returns the GiB that are still missing in the end."""
    deadline = time.monotonic() + FREE_TIMEOUT
    while before is not None and (free := free_bytes(gpu)) is not None:
        missing = before - free
        if missing <= FREE_TOLERANCE or time.monotonic() > deadline:
            return max(0.0, missing / GIB)
        time.sleep(POLL_INTERVAL)
    return 0.0
