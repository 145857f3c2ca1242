"""Chat and completions, passed to the engine that serves the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from typing import Any, TypeVar, cast

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from scriptorium.errors import EngineFailed, InvalidRequest, ModelMissing, ModelNotReady, ScriptoriumError
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.models.base_models import local_models
from scriptorium.store.connection import store_errors
from services.api.dependencies import Context

router = APIRouter(prefix="/v1", tags=["chat"])

T = TypeVar("T")
CLIENT_GONE = 499  # nobody reads it; it is for the metrics


@router.post("/chat/completions", response_model=None)
async def chat(request: Request, context: Context) -> Response:
    """Answer a conversation."""
    return await relay(request, context, "/v1/chat/completions")


@router.post("/completions", response_model=None)
async def complete(request: Request, context: Context) -> Response:
    """Continue a text."""
    return await relay(request, context, "/v1/completions")


def open_client() -> httpx.AsyncClient:
    """A client of the engines: they are near, so no proxy, and may think for as long as the caller waits."""
    return httpx.AsyncClient(timeout=httpx.Timeout(None, connect=5), trust_env=False)


async def relay(request: Request, context: PhaseContext, path: str) -> Response:
    """Pass a request to its engine and the answer back, piece by piece where it is streamed."""
    url, body = await run_in_threadpool(address, context, await read_body(request))
    http = cast(httpx.AsyncClient, request.app.state.http)
    try:
        answer = await unless_gone(request, http.send(http.build_request("POST", url + path, json=body), stream=True))
    except httpx.TransportError:
        raise not_ready(str(body["model"])) from None
    if answer is None:
        return Response(status_code=CLIENT_GONE)
    if answer.is_error:
        raise await refusal(answer)
    return StreamingResponse(pieces(answer), media_type=answer.headers.get("content-type"))


async def unless_gone(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """Await `work`, or cancel it and return None as soon as the client has gone."""
    doing, leaving = asyncio.create_task(work), asyncio.create_task(departure(request))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        return await doing if doing.done() else None
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.wait({doing, leaving})


async def departure(request: Request) -> None:
    """Wait until the client has gone; its body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def pieces(answer: httpx.Response) -> AsyncIterator[bytes]:
    """The answer as it comes; a stream whose engine dies in the middle ends with an error that a client can read."""
    try:
        async for block in answer.aiter_bytes():
            yield block
    except httpx.TransportError:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise  # half a JSON object: the broken connection says more than anything added to it
        error = {"message": "The engine went away.", "type": "server_error", "param": None, "code": "model_not_ready"}
        yield f"data: {json.dumps({'error': error})}\n\n".encode()
    finally:
        await answer.aclose()


async def read_body(request: Request) -> dict[str, Any]:
    """The JSON object of a request; raises InvalidRequest."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return body


def address(context: PhaseContext, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Where a question goes, and the question as the engine should get it: a seed ends vLLM's engine on a CPU."""
    model = body.get("model")
    if not isinstance(model, str):
        raise InvalidRequest("A request needs the name of a model.", param="model")
    url = engine_url(context, model)
    return url, body if context.settings.gpu else {name: value for name, value in body.items() if name != "seed"}


def engine_url(context: PhaseContext, model: str) -> str:
    """Where a model answers; raises ModelNotReady where it should but does not, ModelMissing where it never will."""
    with store_errors():
        engines = {engine.name: engine for engine in context.store.serving.engines()}
        wanted = {entry.name for entry in context.store.serving.wanted().models}
    if model in engines and engines[model].state == "ready":
        return engines[model].url
    if model in engines and engines[model].state == "failed":
        raise ModelNotReady(f"The engine of {model} does not start: {engines[model].reason}", param="model")
    if model in engines or model in wanted:
        raise not_ready(model)
    if model in local_models(context.volume.models):
        raise ModelMissing(
            f"{model} is here but not served.", param="model", next_step="A job that uses it as its base has it served."
        )
    raise ModelMissing(f"There is no model {model!r}.", param="model")


def not_ready(model: str) -> ModelNotReady:
    """The engine is loading, or training has the GPU."""
    return ModelNotReady(
        f"{model} does not answer at the moment: its engine is loading, or a training has the GPU.", param="model"
    )


async def refusal(answer: httpx.Response) -> ScriptoriumError:
    """What the engine refused, as an error of ours with the engine's words and status."""
    await answer.aread()
    await answer.aclose()
    try:
        given = answer.json()
        told = given.get("error", given)
        message, param = str(told["message"]), told.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        message, param = f"The engine answered {answer.status_code}.", None
    if answer.is_server_error:
        return EngineFailed(message)
    refused = ModelMissing(message) if answer.status_code == 404 else InvalidRequest(message, param=param)
    refused.status = answer.status_code
    return refused
