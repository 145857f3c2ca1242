"""Chat and completions, passed to the engine that serves the model; a cold model is loaded first.

The answer is read no faster than the client takes it, and a client that leaves ends its request in the engine.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine
from http import HTTPStatus
from typing import Any, TypeVar, cast

import aiohttp
from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from scriptorium.errors import EngineFailed, InvalidRequest, ModelMissing, ScriptoriumError
from scriptorium.jobs.runner import Context as PhaseContext
from scriptorium.settings import Settings
from scriptorium.store.serving import Engine
from services.api.dependencies import Context
from services.api.errors import check_content_type
from services.api.inference.await_engine import WAIT_HEADER, Patience, await_engine, not_ready, read_patience

router = APIRouter(prefix="/v1", tags=["chat"])

T = TypeVar("T")
IGNORED_HEADER = "x-scriptorium-ignored"  # names what of a request the engine at hand cannot do
CLIENT_CLOSED_REQUEST = 499  # nginx's code; nobody reads the response, but the metrics count it


@router.post("/chat/completions", response_model=None)
async def chat(request: Request, context: Context) -> Response:
    """Answer a conversation."""
    return await relay(request, context, "/v1/chat/completions")


@router.post("/completions", response_model=None)
async def complete(request: Request, context: Context) -> Response:
    """Continue a text."""
    return await relay(request, context, "/v1/completions")


def open_client(settings: Settings) -> aiohttp.ClientSession:
    """Open a client for the engines: local, so without a proxy, and without a limit of connections.

    It is not httpx: that takes twice the processor's time for each piece of a stream, which on a small machine the
    engine lacks.
    """
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=settings.chat_silence.total_seconds())
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar(), timeout=timeout, trust_env=False
    )


async def relay(request: Request, context: PhaseContext, path: str) -> Response:
    """Pass a request to its engine and the answer back, block by block if it is streamed."""
    body = await read_body(request)
    check_tools(body)
    patience = read_patience(request.headers.get(WAIT_HEADER), context)
    try:
        answer = await await_unless_disconnected(request, ask_engine(request, context, path, body, patience))
    except aiohttp.SocketTimeoutError:
        silence = context.settings.chat_silence.total_seconds()
        raise EngineFailed(f"The engine of {body['model']} sent nothing for {silence:g} s.") from None
    if answer is None:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        raise await read_engine_error(answer, str(body["model"]))
    ignored = {IGNORED_HEADER: "seed"} if "seed" in body and not context.settings.gpu else {}
    return StreamingResponse(stream_answer(answer), media_type=answer.headers.get("content-type"), headers=ignored)


async def ask_engine(
    request: Request, context: PhaseContext, path: str, body: dict[str, Any], patience: Patience
) -> aiohttp.ClientResponse:
    """Return the beginning of an engine's answer.

    An engine that cannot be reached, or has just dropped the model, is waited for again. One that ends while it has the
    request is asked once more: a request that crashes engines must not do so for ever.
    """
    http, model, lost, losses = cast(aiohttp.ClientSession, request.app.state.http), read_model(body), "", 0
    deadline = time.monotonic() + patience.seconds
    while True:
        engine = await await_engine(context, model, patience, lost)
        lost = engine.url
        try:
            answer = await http.post(engine.url + path, json=fit_body(body, engine, context.settings))
            if answer.status != HTTPStatus.NOT_FOUND:
                return answer
            answer.close()
        except aiohttp.SocketTimeoutError:
            raise
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            pass
        except aiohttp.ClientError:
            losses += 1
        if losses > 1 or time.monotonic() >= deadline:
            raise not_ready(context, model, engine)


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


async def stream_answer(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yield the answer as it arrives; if the engine dies in the middle of a stream, end it with a readable error."""
    try:
        async for block in answer.content.iter_any():
            yield block
    except aiohttp.ClientError:
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            raise  # half a JSON object: a broken connection is clearer than anything added to it
        message = "The connection to the engine was lost."
        error = {"message": message, "type": "server_error", "param": None, "code": "model_not_ready"}
        yield f"data: {json.dumps({'error': error})}\n\n".encode()
    finally:
        answer.close()


async def read_body(request: Request) -> dict[str, Any]:
    """Return the JSON object of a request. Raises InvalidRequest if it has none, WrongContentType for another type."""
    if error := check_content_type(request):
        raise error
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}.") from None
    if not isinstance(body, dict):
        raise InvalidRequest("The body is not a JSON object.")
    return body


def read_model(body: dict[str, Any]) -> str:
    """Return the model that a request names. Raises InvalidRequest."""
    model = body.get("model")
    if not isinstance(model, str):
        raise InvalidRequest("A request needs the name of a model.", param="model")
    return model


def check_tools(body: dict[str, Any]) -> None:
    """Raise InvalidRequest for tools that a model may call: our engines parse no calls out of their answers."""
    for name in ("tools", "functions"):
        if body.get(name) and body.get("tool_choice") != "none":
            raise InvalidRequest(
                f"{name} are not offered: a model tuned on prose calls none, and its engine looks for no calls.",
                param=name,
                next_step='Leave them out, or send `"tool_choice": "none"`; for JSON use response_format.',
            )


def fit_body(body: dict[str, Any], engine: Engine, settings: Settings) -> dict[str, Any]:
    """Return the body to send to an engine, without a seed on a CPU: it would crash vLLM's engine.

    A request that names no temperature gets the model's: an engine that serves an adapter over its base takes its
    defaults from the base's generation_config.json.
    """
    body = body | {"model": engine.name}
    if body.get("temperature") is None and engine.temperature is not None:
        body["temperature"] = engine.temperature
    if not settings.gpu:
        body.pop("seed", None)
    return body


async def read_engine_error(answer: aiohttp.ClientResponse, model: str) -> ScriptoriumError:
    """Convert an engine's refusal into an error of ours, with the engine's message and status."""
    try:
        body = json.loads(await answer.read())
        engine_error = body.get("error", body)
        message, param = str(engine_error["message"]), engine_error.get("param")
    except (aiohttp.ClientError, ValueError, KeyError, TypeError, AttributeError):
        message, param = f"The engine of {model} answered with status {answer.status}.", None
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return EngineFailed(message)
    error = ModelMissing(message) if answer.status == HTTPStatus.NOT_FOUND else InvalidRequest(message, param=param)
    error.status = answer.status
    return error
