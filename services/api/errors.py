"""Errors on the API: {"error": {message, type, param, code, next_step}} for every kind of failure."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from scriptorium.errors import (
    FileTooLarge,
    InternalError,
    InvalidRequest,
    ModelUnavailable,
    Problem,
    RouteMissing,
    ScriptoriumError,
    StoreUnavailable,
    UserError,
    explain,
    field_name,
)
from services.api.pages.page import show_error

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
PAGES_PREFIX = "/jobs/"  # pages for people; everything else is for programs
REQUEST_PARTS = ("body", "query", "path", "header")


def handle_errors(app: FastAPI) -> None:
    """Install the error handlers."""
    app.add_exception_handler(ScriptoriumError, _handle_scriptorium_error)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_error)


def render(error: ScriptoriumError) -> JSONResponse:
    """Return the response to a request that failed."""
    kind = "invalid_request_error" if isinstance(error, UserError) else "server_error"
    body = {"message": str(error), "type": kind, "param": error.param, "code": error.code, "next_step": error.next_step}
    return JSONResponse({"error": body}, error.status, retry_headers(error))


def respond(request: Request, error: ScriptoriumError) -> Response:
    """Return the response to a request that failed: a page if it came from a browser, else JSON."""
    return show_error(error) if request.url.path.startswith(PAGES_PREFIX) else render(error)


def retry_headers(error: ScriptoriumError) -> dict[str, str]:
    """Return the headers that say whether and when the client should try again."""
    if isinstance(error, ModelUnavailable):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after or RETRY_SECONDS)))}
    if isinstance(error, StoreUnavailable):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"x-should-retry": "false"}


def internal_error() -> JSONResponse:
    """Return the response to a request that failed unexpectedly."""
    return render(InternalError("An unexpected error occurred on the server."))


@contextmanager
def as_value_error() -> Iterator[None]:
    """Let pydantic collect our errors with its own; `combine_errors` reads them back as the cause."""
    try:
        yield
    except ScriptoriumError as error:
        raise ValueError(str(error)) from error


def combine_errors(errors: Sequence[Mapping[str, Any]]) -> ScriptoriumError:
    """Combine all problems of a request into one error; a single error of ours keeps its class and code."""
    messages_by_place: dict[str, list[str]] = {}
    for entry in errors:
        messages_by_place.setdefault(_place(entry), []).append(_message(entry))
    cause, (place, *other_places) = _cause(errors[0]), messages_by_place
    if isinstance(cause, ScriptoriumError) and not other_places:
        return type(cause)(cause.message, param=place, next_step=cause.next_step, problems=cause.problems)
    problems = [Problem(place, "; or ".join(messages)) for place, messages in messages_by_place.items()]
    return InvalidRequest(
        f"The request has {len(problems)} problem(s).", problems=problems, next_step="See docs/api.md."
    )


def _place(entry: Mapping[str, Any]) -> str:
    path = [str(part) for part in entry["loc"]]
    if entry["type"] == "json_invalid":
        return "body"
    if len(path) > 1 and path[0] in REQUEST_PARTS:
        del path[0]
    return field_name(path) or "body"


def _message(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "json_invalid":
        return f"The body is not valid JSON: {entry['ctx']['error']}, at character {entry['loc'][-1]}."
    return explain(entry)


def _cause(entry: Mapping[str, Any]) -> BaseException | None:
    error = entry.get("ctx", {}).get("error")
    return error.__cause__ if isinstance(error, Exception) else None


async def _handle_scriptorium_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, ScriptoriumError)  # noqa: S101  registered only for it
    if error.status >= 500:
        log.warning("%s %s: %s", request.method, request.url.path, error)
    return respond(request, error)


async def _handle_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered only for it
    return respond(request, combine_errors(error.errors()))


async def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered only for it
    if error.status_code == 404:
        return respond(request, RouteMissing(f"There is nothing at {request.method} {request.url.path}."))
    if error.status_code == 413:
        return respond(request, FileTooLarge(f"The body of {request.method} {request.url.path} is too large."))
    refusal = InvalidRequest(f"{error.detail}: {request.method} {request.url.path}.")
    refusal.status = error.status_code
    return respond(request, refusal)
