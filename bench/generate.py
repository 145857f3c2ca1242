"""Compare the evaluation's sampling with direct requests to vLLM: `make bench-generate`.

One vLLM with the small base model; the generation plan for a real book (test briefs, calibration, briefs behind
excerpts) is carried out by the evaluator, and by a bare loop that sends the same messages all at once and leaves the
queueing to vLLM. They alternate; each model may end a text when it likes, so tokens per second are compared.
The last line is `generate: ratio=<ours/direct> tokens_s=<ours>`.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx

from bench.serve import serve_folder
from scriptorium.artifacts.dataset import read_rows
from scriptorium.artifacts.training_log import TRAINING_LOG
from scriptorium.contracts import Endpoint, EvaluateRequest, PrepareRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.local.demo_assets import BASE, demo_assets
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.recipe import load_recipe
from scriptorium.settings import PROJECT, Settings
from services.data.prepare import prepare_manuscript
from services.evaluator.generation.protocol import Protocol, plan_protocol, run_protocol
from services.evaluator.generation.vllm_client import RETRY_DELAYS, fetch_model_info, open_clients

CONTEXT = 2048


def main() -> None:
    """Measure, print every round and the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=48)
    parser.add_argument("--max-tokens", type=int, default=128)
    options = parser.parse_args()
    assets = demo_assets()
    with tempfile.TemporaryDirectory(prefix="bench-generate-") as name:
        folder = Path(name)
        settings = Settings(data_dir=folder, engine_context=CONTEXT)
        base = (assets.models / BASE).resolve()
        dataset = prepare(assets.book, base, folder / "dataset")
        with serve_folder(BASE, base, settings, folder / "engine.log") as url:
            endpoint = Endpoint(url=url, model=BASE)  # one engine writes for both models
            request = EvaluateRequest(
                dataset=dataset,
                tokenizer=base,
                base=endpoint,
                tuned=endpoint,
                metrics=dataset / TRAINING_LOG,
                title="bench",
                prompts=options.prompts,
                max_tokens=options.max_tokens,
                scenes=0,
                streams=settings.streams,
            )
            measure(request, folder, options.rounds)


def prepare(book: Path, base: Path, folder: Path) -> Path:
    """Prepare the demo's book as a dataset."""
    data = load_recipe(PROJECT / "recipes" / "cpu.yaml").data
    folder.mkdir()
    request = PrepareRequest(
        manuscript=book, filename=book.name, base=base, prompt=data.prompt, chunking=data.chunking, split=data.split
    )
    prepare_manuscript(request, folder, SilentReporter())
    return folder


def measure(request: EvaluateRequest, folder: Path, rounds: int) -> None:
    """Let both write in turns, each first in every other round; a first, unmeasured turn fills the engine's caches."""
    protocol = asyncio.run(plan(request))
    runs: dict[str, Callable[[int], float]] = {
        "evaluation": lambda number: asyncio.run(sample(request, protocol, make_folder(folder / f"round{number}"))),
        "direct": lambda _: asyncio.run(send(request.base, protocol)),
    }
    runs["direct"](0)
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds):
        for name in sorted(runs, reverse=bool(number % 2)):
            speeds[name].append(runs[name](number))
            print(f"{name:12}{speeds[name][-1]:8.0f} tokens/s of {len(protocol.plan)} passages", flush=True)
    pairs = zip(speeds["evaluation"], speeds["direct"], strict=True)
    ratio = median(ours / direct for ours, direct in pairs)  # of neighbours, which other load slows equally
    print(f"generate: ratio={ratio:.2f} tokens_s={median(speeds['evaluation']):.0f}")


def make_folder(folder: Path) -> Path:
    """Make a folder without samples of another turn."""
    folder.mkdir()
    return folder


async def plan(request: EvaluateRequest) -> Protocol:
    """Make the evaluation's own generation plan."""
    async with open_clients(request.base, request.tuned, None, RETRY_DELAYS) as pair:
        model_infos = await fetch_model_info(pair)
    test = read_rows(request.dataset / "test.jsonl")
    return plan_protocol(request, test, chat_tokenizer(request.tokenizer), model_infos)


async def sample(request: EvaluateRequest, protocol: Protocol, folder: Path) -> float:
    """Return the tokens per second of the evaluation's sampling, files and progress included."""
    async with open_clients(request.base, request.tuned, None, RETRY_DELAYS, request.streams) as pair:
        model_infos = await fetch_model_info(pair)
        started = time.perf_counter()
        samples = await run_protocol(
            protocol, pair, model_infos, folder, SilentReporter(), choose_temperature=lambda _: 1.0
        )
        return sum(sample.tokens or 0 for sample in samples) / (time.perf_counter() - started)


async def send(endpoint: Endpoint, protocol: Protocol) -> float:
    """Return the tokens per second of a bare loop over the same messages, all of them at once."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=endpoint.url, timeout=3600, limits=limits, trust_env=False) as client:
        options = {"model": endpoint.model, "temperature": 1.0, "max_tokens": protocol.decoding.max_tokens}
        started = time.perf_counter()
        bodies = [{**options, "messages": passage.messages} for passage in protocol.plan]
        answers = await asyncio.gather(*(client.post("/v1/chat/completions", json=body) for body in bodies))
        return sum(answer.json()["usage"]["completion_tokens"] for answer in answers) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
