"""Chat through the API against vLLM asked directly, and how the device changes hands: `make bench-serve`.

A whole stack of its own with the small base model. The same streamed requests go to the gateway and to the engine, in
turns, at 1 and at 32 streams. Then a stand-in for a training asks for the device while the engine is idle, holds it,
and gives it back to a request that waits; and a model that was unloaded is asked again.
The last line is `serve: throughput_ratio=<via gateway/direct> ttft_added_ms=<median> handover_s=<training asks ->
memory free> back_s=<training ends -> first token> cold_s=<cold model -> first token>`: the ratio at 32 streams, the
time to the first token at 1.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from statistics import median

import httpx

from scriptorium.jobs.devices import list_devices
from scriptorium.local import stack
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.process.child import wait_until
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings
from scriptorium.store import Lease, Store, open_store

PATIENT = {"X-Scriptorium-Wait": "300"}
LEASE = timedelta(seconds=120)
LOAD_TIMEOUT = timedelta(minutes=5)
TRAINING = "bench-training"  # the holder of the device that stands in for a job


@dataclass(frozen=True)
class RequestTurn:
    """One turn of requests: tokens a second of all streams together, and the median time to the first token."""

    tokens_per_second: float
    first_token: float


def main() -> None:
    """Measure, print every turn and the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=4, help="of each way, at each number of streams")
    parser.add_argument("--streams", type=int, default=32)
    parser.add_argument("--max-tokens", type=int, default=64)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="scriptorium-serve-"))
    settings = Settings(data_dir=folder, models_dir=demo_assets().models, api_port=free_port("127.0.0.1"), redis_url="")
    try:
        gateway = stack.up(settings, notify=print, attached=True).api_url
        print(f"serve: {asyncio.run(measure(gateway, open_store(settings.store_url), settings, options))}")
    finally:
        stack.down(settings, print)
        shutil.rmtree(folder, ignore_errors=True)


async def measure(gateway: str, store: Store, settings: Settings, options: argparse.Namespace) -> str:
    """Return the numbers of the last line."""
    timeout, limits = httpx.Timeout(600), httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=timeout, limits=limits, trust_env=False) as http:
        await ask(http, gateway, options.max_tokens)  # the first load of a machine also fills the page cache
        engine = next(engine.url for engine in store.serving.engines() if engine.state == "ready")
        alone = await compare(http, (gateway, engine), 1, options)
        together = await compare(http, (gateway, engine), options.streams, options)
        handover, back = await hand_over(http, gateway, store, settings)
        cold = await load_cold(http, gateway, store)
    ratio = median(via.tokens_per_second / direct.tokens_per_second for via, direct in together)
    added = median(via.first_token - direct.first_token for via, direct in alone)
    numbers = f"throughput_ratio={ratio:.3f} ttft_added_ms={1000 * added:.1f}"
    return f"{numbers} handover_s={handover:.1f} back_s={back:.1f} cold_s={cold:.1f}"


async def compare(
    http: httpx.AsyncClient, urls: Sequence[str], streams: int, options: argparse.Namespace
) -> list[tuple[RequestTurn, RequestTurn]]:
    """Return the turns via the gateway and direct, side by side; who begins changes with each."""
    pairs = []
    for number in range(options.turns):
        order = urls if number % 2 else urls[::-1]
        turns = {url: await take_turn(http, url, streams, options.max_tokens) for url in order}
        via, direct = (turns[url] for url in urls)
        pairs.append((via, direct))
        print(
            f"{streams:3} stream(s), turn {number + 1}: {via.tokens_per_second:7.1f} tokens/s via the gateway, "
            f"{direct.tokens_per_second:7.1f} direct; first token {1000 * via.first_token:6.1f} ms, "
            f"{1000 * direct.first_token:6.1f} ms",
            flush=True,
        )
    return pairs


async def take_turn(http: httpx.AsyncClient, url: str, streams: int, max_tokens: int) -> RequestTurn:
    """Send as many requests at once as there are streams, or eight one by one, and time them."""
    started = time.perf_counter()
    if streams == 1:
        answers = [await ask(http, url, max_tokens) for _ in range(8)]
    else:
        answers = await asyncio.gather(*(ask(http, url, max_tokens) for _ in range(streams)))
    tokens = sum(count for count, _ in answers)
    return RequestTurn(tokens / (time.perf_counter() - started), median(first for _, first in answers))


async def ask(http: httpx.AsyncClient, url: str, max_tokens: int) -> tuple[int, float]:
    """Stream one answer; return its chunks (a token each) and the seconds until the first."""
    body = {
        "model": BASE, "messages": [{"role": "user", "content": "Tell the story of a voyage."}], "stream": True,
        "max_tokens": max_tokens, "min_tokens": max_tokens, "temperature": 0,
    }  # fmt: skip
    started, first, chunks = time.perf_counter(), 0.0, 0
    async with http.stream("POST", f"{url}/v1/chat/completions", json=body, headers=PATIENT) as answer:
        if answer.is_error:
            raise SystemExit(f"{url}: {(await answer.aread()).decode()}")
        async for line in answer.aiter_lines():
            if line.startswith("data: {") and '"content":"' in line.replace('": "', '":"'):
                first, chunks = first or time.perf_counter() - started, chunks + 1
    return chunks, first


async def hand_over(http: httpx.AsyncClient, gateway: str, store: Store, settings: Settings) -> tuple[float, float]:
    """Return the seconds until a training has the device, and from its end to the first token of whoever waits."""
    (device, *_) = list_devices(settings)
    started, leases = time.monotonic(), list[Lease]()

    def acquire() -> bool:
        leases.extend(lease for lease in [store.leases.acquire(device, TRAINING, LEASE, rank=0.0)] if lease)
        return bool(leases)

    if not await asyncio.to_thread(wait_until, acquire, LOAD_TIMEOUT, 0.1):
        raise SystemExit("the device was not handed over")
    handover = time.monotonic() - started
    waiting = asyncio.create_task(ask(http, gateway, 4))
    await asyncio.sleep(2)
    store.leases.release(leases[0])
    released = time.perf_counter()
    await waiting
    return handover, time.perf_counter() - released


async def load_cold(http: httpx.AsyncClient, gateway: str, store: Store) -> float:
    """Return the seconds from a request for an unloaded model to its first token."""
    store.wishes.forget(BASE)
    if not await asyncio.to_thread(wait_until, lambda: not store.serving.engines(), LOAD_TIMEOUT, 0.1):
        raise SystemExit("the model was not unloaded")
    return (await ask(http, gateway, 4))[1]


if __name__ == "__main__":
    main()
