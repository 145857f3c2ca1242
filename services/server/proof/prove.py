"""The proof before a job may succeed: what is served answers, and is what was trained.

It answers a canary prompt, ends its answers, reads chats as in training, and has all of the adapter in it.

On a GPU the engine that stays serves base and adapter; the merged model, which is what a user downloads, is proved in
an engine of its own before that. On a CPU the merged model is what stays.
"""

from __future__ import annotations

import httpx

from scriptorium.contracts import Agreement, Endpoint, ServeProof, ServeRequest
from scriptorium.errors import EngineFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.settings import Settings
from services.server.proof.compare import compare, read_references
from services.server.proof.endings import check_endings
from services.server.proof.token_ids import compare_token_ids

CANARY = "Write a scene where a character discovers an alien artifact."
MERGED, ADAPTER = "The merged model", "The adapter as it is served"


def prove_merged(merged: Endpoint, request: ServeRequest, settings: Settings, reporter: Reporter) -> Agreement | None:
    """Prove a merged model that is served alone; raises as `prove_served` does."""
    try_canary(merged)
    context = read_context(merged, settings)
    return compare(MERGED, merged, read_references(request, request.merged_on), context, reporter)


def prove_served(
    base: Endpoint,
    tuned: Endpoint,
    request: ServeRequest,
    settings: Settings,
    reporter: Reporter,
    *,
    merged: Agreement | None = None,
) -> ServeProof:
    """Prove the model that stays served beside its base; `merged` was found before, if that is another one.

    The base of a served adapter is the stored one, whichever the adapter was merged with. Raises EngineFailed if the
    model does not answer, does not end or reads chats otherwise; MergeFailed if it is not base and adapter.
    """
    context = read_context(tuned, settings)
    canary = try_canary(tuned)
    token_ids = compare_token_ids(tuned, request.base, reporter)
    subject, references = MERGED, read_references(request, request.merged_on)
    if settings.gpu:
        subject, references = ADAPTER, read_references(request, "stored")
    served_base = base if settings.gpu or request.merged_on == "stored" else None  # NF4 is a base of its own
    agreement = compare(subject, tuned, references, context, reporter, base=served_base)
    return ServeProof(
        canary=canary,
        agreement=merged if settings.gpu else agreement,
        adapter=agreement if settings.gpu else None,
        token_ids=token_ids,
        endings=check_endings(tuned, request.temperature, context, reporter),
    )


def read_context(endpoint: Endpoint, settings: Settings) -> int:
    """Return the context that an engine has, in tokens: a card may hold less than is wished for."""
    try:
        answer = httpx.get(f"{endpoint.url}/v1/models", timeout=30, trust_env=False)
        answer.raise_for_status()
        models = answer.json()["data"]
        return min(int(model.get("max_model_len") or settings.engine_context) for model in models)
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise EngineFailed(f"The engine of {endpoint.model} does not tell its context: {error!r}") from error


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
