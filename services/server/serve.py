"""Serve a tuned model beside its base: request both, wait until they answer, and try a canary prompt."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from pathlib import Path

import httpx

from scriptorium.contracts import Endpoint, ServeRequest, ServeResult
from scriptorium.errors import EngineFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.settings import get_settings
from scriptorium.store import open_store
from scriptorium.store.serving import Engine, Serving, WantedModel
from services.server.compare import compare

CANARY = "Write a scene where a character discovers an alien artifact."
POLL_INTERVAL = 0.5  # seconds


def serve_model(request: ServeRequest, folder: Path, reporter: Reporter) -> ServeResult:
    """Serve both models; raises EngineFailed if one does not start or the tuned one answers with nothing.

    Raises MergeFailed if the merged model differs from base and adapter.

    On a GPU the merged model is tried first, alone (two 8B engines do not fit), and then base and adapter stay in one
    engine. On a CPU an adapter answers about 20 times slower, so base and merged model stay side by side.
    """
    settings, started = get_settings(), time.monotonic()
    serving = open_store(settings.store_url, patient=True).serving
    merged = WantedModel(name=request.tuned_name, folder=str(request.merged))
    base = WantedModel(name=request.base_name, folder=str(request.base))
    reporter.message(f"[SERVE] Loading {request.tuned_name}")
    if settings.gpu:
        merged_url = bring_up(serving, [merged], reporter, settings.engine_ready_timeout)[merged.name]
        merged_endpoint = Endpoint(url=merged_url, model=merged.name)
        try_canary(merged_endpoint)
        agreement = compare(merged_endpoint, request, settings.engine_context, reporter)
        tuned = merged.model_copy(update={"folder": base.folder, "adapter": str(request.adapter)})
    else:
        tuned = merged
    urls = bring_up(serving, [base, tuned], reporter, settings.engine_ready_timeout)
    endpoint = Endpoint(url=urls[tuned.name], model=tuned.name)
    canary = try_canary(endpoint)
    if not settings.gpu:
        agreement = compare(endpoint, request, settings.engine_context, reporter)
    seconds = round(time.monotonic() - started, 1)
    reporter.message(f"[SERVE] Both models answer after {seconds:.0f} s")
    (folder / "canary.json").write_text(json.dumps({"prompt": CANARY, "answer": canary}, indent=2), encoding="utf-8")
    return ServeResult(
        base=Endpoint(url=urls[base.name], model=base.name),
        tuned=endpoint,
        canary=canary,
        seconds=seconds,
        agreement=agreement,
    )


def bring_up(serving: Serving, models: list[WantedModel], reporter: Reporter, timeout: timedelta) -> dict[str, str]:
    """Request these models and wait until each is ready; returns the engine's URL by model name."""
    serving.set_wanted(models)
    deadline = time.monotonic() + timeout.total_seconds()
    while True:
        reporter.check()
        engines = {engine.name: engine for engine in serving.engines()}
        states = [engines.get(model.name) for model in models]
        if all(engine and engine.state == "ready" for engine in states):
            return {model.name: engines[model.name].url for model in models}
        raise_failures([engine for engine in states if engine and engine.state == "failed"], deadline)
        time.sleep(POLL_INTERVAL)


def raise_failures(failed: list[Engine], deadline: float) -> None:
    """Raise EngineFailed for engines that failed, or after the deadline."""
    if failed:
        raise EngineFailed(f"vLLM does not start for {failed[0].name}: {failed[0].reason}")
    if time.monotonic() > deadline:
        raise EngineFailed("vLLM was not ready in time.", next_step="Raise SCRIPTORIUM_ENGINE_READY_TIMEOUT.")


def try_canary(endpoint: Endpoint) -> str:
    """Return the model's answer to the canary prompt; raises EngineFailed if there is none."""
    body = {"model": endpoint.model, "messages": [{"role": "user", "content": CANARY}], "max_tokens": 64}
    try:
        answer = httpx.post(f"{endpoint.url}/v1/chat/completions", json=body, timeout=300, trust_env=False)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise EngineFailed(f"{endpoint.model} did not answer the canary prompt: {error}") from error
    text = str(answer.json()["choices"][0]["message"]["content"] or "").strip()
    if not text:
        raise EngineFailed(f"{endpoint.model} answered the canary prompt with nothing.")
    return text
