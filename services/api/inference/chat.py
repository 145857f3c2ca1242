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
from scriptorium.store.serving import Engine
from services.api.dependencies import Context

router = APIRouter(prefix="/v1", tags=["chat"])

T = TypeVar("T")
CLIENT_CLOSED_REQUEST = 499  # nginx's code; nobody reads the response, but the metrics count it


@router.post("/chat/completions", response_model=None)
async def chat(request: Request, context: Context) -> Response:
    """Answer a conversation."""
    return await relay(request, context, "/v1/chat/completions")


@router.post("/completions", response_model=None)
async def complete(request: Request, context: Context) -> Response:
    """Continue a text."""
    return await relay(request, context, "/v1/completions")


def open_client() -> httpx.AsyncClient:
    """Open a client for the engines: local, so without a proxy, and without a read timeout while the caller waits."""
    return httpx.AsyncClient(timeout=httpx.Timeout(None, connect=5), trust_env=False)


async def relay(request: Request, context: PhaseContext, path: str) -> Response:
    """Pass a request to its engine and the answer back, block by block if it is streamed."""
    url, body = await run_in_threadpool(resolve_engine, context, await read_body(request))
    http = cast(httpx.AsyncClient, request.app.state.http)
    try:
        engine_request = http.build_request("POST", url + path, json=body)
        answer = await await_unless_disconnected(request, http.send(engine_request, stream=True))
    except httpx.TransportError:
        raise not_ready(str(body["model"])) from None
    if answer is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    if answer.is_error:
        raise await read_engine_error(answer)
    return StreamingResponse(stream_answer(answer), media_type=answer.headers.get("content-type"))


async def await_unless_disconnected(request: Request, work: Coroutine[Any, Any, T]) -> T | None:
    """Await `work`, or cancel it and return None as soon as the client disconnects."""
    work_task, disconnect_task = asyncio.create_task(work), asyncio.create_task(wait_for_disconnect(request))
    try:
        await asyncio.wait({work_task, disconnect_task}, return_when=asyncio.FIRST_COMPLETED)
        return await work_task if work_task.done() else None
    finally:
        work_task.cancel()
        disconnect_task.cancel()
        await asyncio.wait({work_task, disconnect_task})


async def wait_for_disconnect(request: Request) -> None:
    """Wait until the client disconnects; call it after the request's body was read."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def stream_answer(answer: httpx.Response) -> AsyncIterator[bytes]:
    """Yield the answer as it arrives; if the engine dies in the middle of a stream, end it with a readable error."""
    try:
        async for block in answer.aiter_bytes():
            yield block
    except httpx.TransportError:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise  # half a JSON object: a broken connection is clearer than anything added to it
        message = "The connection to the engine was lost."
        error = {"message": message, "type": "server_error", "param": None, "code": "model_not_ready"}
        yield f"data: {json.dumps({'error': error})}\n\n".encode()
    finally:
        await answer.aclose()


async def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request; raise InvalidRequest if it has none."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return body


def resolve_engine(context: PhaseContext, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the engine's URL and the body to send to it, without a seed on a CPU: it would crash vLLM's engine.

    A request that names no temperature gets the model's: an engine that serves an adapter over its base takes its
    defaults from the base's generation_config.json.
    """
    model = body.get("model")
    if not isinstance(model, str):
        raise InvalidRequest("A request needs the name of a model.", param="model")
    engine = find_engine(context, model)
    if body.get("temperature") is None and engine.temperature is not None:
        body = body | {"temperature": engine.temperature}
    if not context.settings.gpu:
        body = {name: value for name, value in body.items() if name != "seed"}
    return engine.url, body


def find_engine(context: PhaseContext, model: str) -> Engine:
    """Return a model's ready engine; raise ModelNotReady if it is to be served, ModelMissing if it is not."""
    with store_errors():
        engines = {engine.name: engine for engine in context.store.serving.engines()}
        serving = context.store.serving
        wanted_names = {entry.name for entry in serving.wanted_models().models}
        wanted_names |= {entry.name for session in serving.sessions() for entry in session.models}
    if model in engines and engines[model].state == "ready":
        return engines[model]
    if model in engines and engines[model].state == "failed":
        raise ModelNotReady(f"The engine of {model} could not be started: {engines[model].reason}", param="model")
    if model in engines or model in wanted_names:
        raise not_ready(model)
    if model in local_models(context.volume.models):
        raise ModelMissing(
            f"{model} is on the volume but not served.",
            param="model",
            next_step="Create a job with it as the base model; the job starts its engine.",
        )
    raise ModelMissing(f"There is no model {model!r}.", param="model")


def not_ready(model: str) -> ModelNotReady:
    """Return the error for a model whose engine is loading, or whose GPU is in use for training."""
    return ModelNotReady(
        f"{model} is not ready: its engine is still loading, or a training run is using the GPU.", param="model"
    )


async def read_engine_error(answer: httpx.Response) -> ScriptoriumError:
    """Convert an engine's refusal into an error of ours, with the engine's message and status."""
    await answer.aread()
    await answer.aclose()
    try:
        body = answer.json()
        engine_error = body.get("error", body)
        message, param = str(engine_error["message"]), engine_error.get("param")
    except (ValueError, KeyError, TypeError, AttributeError):
        message, param = f"The engine answered with status {answer.status_code}.", None
    if answer.is_server_error:
        return EngineFailed(message)
    error = ModelMissing(message) if answer.status_code == 404 else InvalidRequest(message, param=param)
    error.status = answer.status_code
    return error
