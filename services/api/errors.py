"""Errors on the API: {"error": {message, type, param, code, next_step}} for every kind of failure."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from scriptorium.errors import (
    InternalError,
    InvalidKey,
    InvalidRequest,
    MethodNotAllowed,
    ModelUnavailable,
    Problem,
    RateLimited,
    RouteMissing,
    ScriptoriumError,
    StoreUnavailable,
    UserError,
    WrongContentType,
    explain,
    field_name,
)
from scriptorium.store.request_counts import seconds_left
from services.api.pages.page import show_error

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
PAGES = re.compile(r"/|/(jobs|submit|chat|models|login|logout)(/.*)?")  # for people; all else is for programs
REQUEST_PARTS = ("body", "query", "path", "header")
JSON_TYPE = "application/json"
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")


def handle_errors(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Install the error handlers; `routes` are those of the application."""
    app.state.routes = routes
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
    if not is_page(request.url.path):
        return render(error)
    page = show_error(error)
    page.headers.update(retry_headers(error))
    return page


def is_page(path: str) -> bool:
    """Return whether what lies at a path is shown to people."""
    return PAGES.fullmatch(path) is not None


def retry_headers(error: ScriptoriumError) -> dict[str, str]:
    """Return the headers that say whether and when the client should try again."""
    if isinstance(error, ModelUnavailable):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after or RETRY_SECONDS)))}
    if isinstance(error, RateLimited):
        return {"Retry-After": str(seconds_left())}
    if isinstance(error, StoreUnavailable):
        return {"Retry-After": str(RETRY_SECONDS)}
    challenge = {"WWW-Authenticate": "Bearer"} if error.status == InvalidKey.status else {}
    return {"x-should-retry": "false", **challenge}


def internal_error(request: Request) -> Response:
    """Return the response to a request that failed unexpectedly."""
    return respond(request, InternalError("An unexpected error occurred on the server."))


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
    return respond(request, wrong_content_type(request) or combine_errors(error.errors()))


async def _handle_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered only for it
    if isinstance(error.__cause__, ScriptoriumError):
        return respond(request, error.__cause__)
    if error.status_code == 404:
        return respond(request, RouteMissing(f"There is nothing at {request.method} {request.url.path}."))
    if error.status_code == 405:
        return refuse_method(request)
    refusal = InvalidRequest(f"{error.detail}: {request.method} {request.url.path}.")
    refusal.status = error.status_code
    response = respond(request, refusal)
    response.headers.update(error.headers or {})
    return response


def refuse_method(request: Request) -> Response:
    """Return the response to a method that an address does not take, with those of all of its routes in `Allow`."""
    routes = [route for route in request.app.state.routes if route.matches(request.scope)[0] is Match.PARTIAL]
    methods = ", ".join(sorted({method for route in routes for method in getattr(route, "methods", ())}))
    response = respond(request, MethodNotAllowed(f"{request.url.path} takes {methods}, not {request.method}."))
    response.headers["Allow"] = methods
    return response


def wrong_content_type(request: Request) -> WrongContentType | None:
    """Return the error of a body of another content type than its route takes, if it is one."""
    field = getattr(request.scope.get("route"), "body_field", None)
    is_empty = "content-type" not in request.headers and request.headers.get("content-length", "0") == "0"
    return None if field is None or is_empty else check_content_type(request, str(field.field_info.media_type))


def check_content_type(request: Request, due: str = JSON_TYPE) -> WrongContentType | None:
    """Return the error of a body that is not announced as what is due: a page of another site may send any other."""
    media_type = request.headers.get("content-type", "").lower().partition(";")[0].strip()
    fits = media_type.endswith(("/json", "+json")) if due == JSON_TYPE else media_type in FORM_TYPES
    if fits:
        return None
    return WrongContentType(
        f"{request.method} {request.url.path} takes {due}, not {media_type or 'a body without a type'}.",
        next_step=f"Send the header Content-Type: {due}.",
    )
