"""How errors look on the wire: {"error": {message, type, param, code}}, with a next step, for every kind of failure."""

from __future__ import annotations

import logging
import re
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
    ModelNotReady,
    Problem,
    RouteMissing,
    ScriptoriumError,
    StoreUnavailable,
    UserError,
    explain,
)
from services.api.blind_reading.page import show_error

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
PAGES = "/jobs/"  # what lies below it is for people
WHERE = ("body", "query", "path", "header")
BRANCH = re.compile(r"int|float|str|constrained-\w+|literal\[.*\]")  # pydantic's names for the arms of a union


def handle_errors(app: FastAPI) -> None:
    """Install the handlers."""
    app.add_exception_handler(ScriptoriumError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def render(error: ScriptoriumError) -> JSONResponse:
    """The answer to a request that failed."""
    kind = "invalid_request_error" if isinstance(error, UserError) else "server_error"
    body = {"message": str(error), "type": kind, "param": error.param, "code": error.code, "next_step": error.next_step}
    return JSONResponse({"error": body}, error.status, headers(error))


def answer(request: Request, error: ScriptoriumError) -> Response:
    """The answer where a request failed that may have come from a browser."""
    return show_error(error) if request.url.path.startswith(PAGES) else render(error)


def headers(error: ScriptoriumError) -> dict[str, str]:
    """Whether and when the client should try again."""
    if isinstance(error, ModelNotReady | StoreUnavailable):
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"x-should-retry": "false"}


def internal_error() -> JSONResponse:
    """The answer where something happened that we did not expect."""
    return render(InternalError("Something went wrong on our side."))


@contextmanager
def as_value_error() -> Iterator[None]:
    """Let pydantic collect our errors beside its own; `gather` finds them again as their cause."""
    try:
        yield
    except ScriptoriumError as error:
        raise ValueError(str(error)) from error


def gather(errors: Sequence[Mapping[str, Any]]) -> ScriptoriumError:
    """Everything that is wrong with a request as one error; one of ours that is alone keeps its class and code."""
    found: dict[str, list[str]] = {}
    for entry in errors:
        found.setdefault(_place(entry), []).append(_message(entry))
    cause, (place, *others) = _cause(errors[0]), found
    if isinstance(cause, ScriptoriumError) and not others:
        return type(cause)(cause.message, param=place, next_step=cause.next_step, problems=cause.problems)
    problems = [Problem(place, "; or ".join(messages)) for place, messages in found.items()]
    return InvalidRequest(
        f"The request has {len(problems)} problem(s).", problems=problems, next_step="See docs/api.md."
    )


def _place(entry: Mapping[str, Any]) -> str:
    path = [str(part) for part in entry["loc"]]
    if entry["type"] == "json_invalid":
        return "body"
    if len(path) > 1 and path[0] in WHERE:
        del path[0]
    if len(path) > 1 and BRANCH.fullmatch(path[-1]):
        del path[-1]
    return ".".join(path) or "body"


def _message(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "json_invalid":
        return f"It is not JSON: {entry['ctx']['error']}, at character {entry['loc'][-1]}."
    return explain(entry)


def _cause(entry: Mapping[str, Any]) -> BaseException | None:
    error = entry.get("ctx", {}).get("error")
    return error.__cause__ if isinstance(error, Exception) else None


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, ScriptoriumError)  # noqa: S101  registered for nothing else
    if error.status >= 500:
        log.warning("%s %s: %s", request.method, request.url.path, error)
    return answer(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  registered for nothing else
    return answer(request, gather(error.errors()))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for nothing else
    if error.status_code == 404:
        return answer(request, RouteMissing(f"There is nothing at {request.method} {request.url.path}."))
    if error.status_code == 413:
        return answer(request, FileTooLarge(f"The body of {request.method} {request.url.path} is too large."))
    refused = InvalidRequest(f"{error.detail}: {request.method} {request.url.path}.")
    refused.status = error.status_code
    return answer(request, refused)
