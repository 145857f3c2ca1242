"""Serve a tuned model beside its base: request both, wait until they answer, and try a canary prompt."""

from __future__ import annotations

import json
import time
from pathlib import Path

import httpx

from scriptorium.contracts import Endpoint, ServeRequest, ServeResult
from scriptorium.errors import EngineFailed
from scriptorium.jobs.engine_sessions import merged_model, session_models
from scriptorium.jobs.reporter import Reporter
from scriptorium.settings import get_settings
from scriptorium.store import Store, open_store
from scriptorium.store.serving import Engine, WantedModel
from services.server.compare import compare

CANARY = "Write a scene where a character discovers an alien artifact."
POLL_INTERVAL = 0.5  # seconds


def serve_model(request: ServeRequest, folder: Path, reporter: Reporter) -> ServeResult:
    """Serve both models; raises EngineFailed if one does not start or the tuned one answers with nothing.

    Raises MergeFailed if the merged model differs from base and adapter.

    On a GPU the merged model is tried first, alone (two 8B engines do not fit) and eager (compiling does not pay for
    five requests); then base and adapter stay in one engine. On a CPU an adapter answers about 20 times slower, so base
    and merged model stay side by side.
    """
    settings, started = get_settings(), time.monotonic()
    store = open_store(settings.store_url, patient=True)
    reporter.message(f"[SERVE] Loading {request.tuned_name}")
    base, tuned = session_models(request, gpu=settings.gpu)
    if settings.gpu:
        merged = merged_model(request).model_copy(update={"eager": True})
        merged_engine = bring_up(store, request, [merged], reporter)[0]
        merged_endpoint = Endpoint(url=merged_engine.url, model=merged.name)
        try_canary(merged_endpoint)
        agreement = compare(merged_endpoint, request, settings.engine_context, reporter)
    base_engine, tuned_engine = bring_up(store, request, [base, tuned], reporter)
    endpoint = Endpoint(url=tuned_engine.url, model=tuned.name)
    canary = try_canary(endpoint)
    if not settings.gpu:
        agreement = compare(endpoint, request, settings.engine_context, reporter)
    seconds = round(time.monotonic() - started, 1)
    reporter.message(f"[SERVE] Both models answer after {seconds:.0f} s")
    (folder / "canary.json").write_text(json.dumps({"prompt": CANARY, "answer": canary}, indent=2), encoding="utf-8")
    return ServeResult(
        base=Endpoint(url=base_engine.url, model=base.name),
        tuned=endpoint,
        canary=canary,
        seconds=seconds,
        agreement=agreement,
    )


def bring_up(store: Store, request: ServeRequest, models: list[WantedModel], reporter: Reporter) -> list[Engine]:
    """Need these models in the job's session, and wait until each is ready; returns their engines.

    Waiting for a device has no deadline: it is somebody else's turn. An engine that does not start fails by itself.
    """
    store.serving.open_session(request.job_id, models, request.rank)
    announced = ""
    while True:
        reporter.check()
        engines = [engine for model in models if (engine := store.serving.find_engine(model))]
        if len(engines) == len(models) and all(engine.state == "ready" for engine in engines):
            return engines
        raise_failure(engines)
        if (waiting := describe_wait(store, request.job_id, engines)) != announced:
            announced = waiting
            if waiting:
                reporter.message(f"[SERVE] {waiting}")
        time.sleep(POLL_INTERVAL)


def describe_wait(store: Store, job_id: str, engines: list[Engine]) -> str:
    """Return what a session waits for, if it is not only for its engines to load."""
    if reason := next((engine.reason for engine in engines if engine.reason), ""):
        return reason[0].upper() + reason[1:] + "."
    session = next((session for session in store.serving.sessions() if session.job_id == job_id), None)
    if session is None or session.device:
        return ""
    holders = [holder for device in store.leases.devices() if (holder := store.leases.holder(device))]
    return f"Waiting for a device, held by {', '.join(holders)}." if holders else ""


def raise_failure(engines: list[Engine]) -> None:
    """Raise EngineFailed for an engine that has failed for good."""
    for engine in engines:
        if engine.state == "failed":
            raise EngineFailed(f"vLLM does not start for {engine.name}: {engine.reason}")


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
