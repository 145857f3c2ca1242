"""Serve a tuned model beside its base: request both, wait until they answer, and prove the tuned one."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from scriptorium.contracts import Endpoint, ServeRequest, ServeResult
from scriptorium.errors import EngineFailed
from scriptorium.jobs.engine_sessions import merged_model, session_models
from scriptorium.jobs.reporter import Reporter
from scriptorium.settings import get_settings
from scriptorium.store import Store, open_store
from scriptorium.store.serving import Engine, WantedModel
from services.server.proof.prove import CANARY, prove_merged, prove_served

POLL_INTERVAL = 0.5  # seconds


def serve_model(request: ServeRequest, folder: Path, reporter: Reporter) -> ServeResult:
    """Serve both models and prove the tuned one; raises EngineFailed if one does not start, or as `prove_served` does.

    On a GPU the merged model is tried first, alone (two 8B engines do not fit) and eager (compiling does not pay for
    five requests); then base and adapter stay in one engine. On a CPU an adapter answers about 20 times slower, so base
    and merged model stay side by side.
    """
    settings, started = get_settings(), time.monotonic()
    store = open_store(settings.store_url, patient=True)
    reporter.message(f"[SERVE] Loading {request.tuned_name}")
    models, agreement = session_models(request, gpu=settings.gpu), None
    if settings.gpu:
        merged = merged_model(request).model_copy(update={"eager": True})
        (engine,) = bring_up(store, request, [merged], reporter)
        agreement = prove_merged(endpoint_of(engine), request, settings, reporter)
    base, tuned = map(endpoint_of, bring_up(store, request, models, reporter))
    proof = prove_served(base, tuned, request, settings, reporter, merged=agreement)
    seconds = round(time.monotonic() - started, 1)
    reporter.message(f"[SERVE] Both models answer after {seconds:.0f} s")
    canary = json.dumps({"prompt": CANARY, "answer": proof.canary}, indent=2)
    (folder / "canary.json").write_text(canary, encoding="utf-8")
    return ServeResult(base=base, tuned=tuned, seconds=seconds, **dict(proof))


def bring_up(store: Store, request: ServeRequest, models: Sequence[WantedModel], reporter: Reporter) -> list[Engine]:
    """Need these models in the job's session, and wait until each is ready; returns their engines.

    Waiting for a device has no deadline: it is somebody else's turn. An engine that does not start fails by itself.
    """
    store.serving.open_session(request.job_id, list(models), request.rank)
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


def endpoint_of(engine: Engine) -> Endpoint:
    """Return where an engine answers for its model."""
    return Endpoint(url=engine.url, model=engine.name)


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
