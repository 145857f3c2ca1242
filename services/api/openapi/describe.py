"""Complete FastAPI's description of the API with the types of `operations`, and with our errors instead of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from scriptorium.errors import (
    BodyTooLarge,
    CrossSiteRequest,
    ForeignHost,
    InsufficientScope,
    InvalidKey,
    InvalidRequest,
    ScriptoriumError,
    WrongContentType,
)
from services.api.access.route_scopes import SCOPES
from services.api.openapi.operations import OPERATIONS, Operation
from services.api.openapi.wire_objects import ErrorAnswer

METHODS = ("get", "post", "put", "delete")
REFERENCE = "#/components/schemas/{model}"
OTHER_ERRORS = "Any other error: `internal_error`, `store_unavailable` (503, with Retry-After)."
FASTAPI_SCHEMAS = ("HTTPValidationError", "ValidationError")

Schema = dict[str, Any]


def describe_api(app: FastAPI) -> None:
    """Make the application describe itself with our types and errors."""
    plain = app.openapi

    def describe() -> Schema:
        if app.openapi_schema is None:
            complete(plain())
        return plain()

    app.openapi = describe  # type: ignore[method-assign]  # FastAPI's documented way


def complete(schema: Schema) -> None:
    """Complete a description in place."""
    schema.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    schema["security"] = [{"key": []}, {}]  # a key; none while there are none
    references = add_types(schema)
    for name, call in list_calls(schema):
        operation = OPERATIONS.get(name, Operation(None))
        if operation.body:
            call["requestBody"] = {"required": True, "content": as_json(references[operation.body, "validation"])}
        if operation.answer:
            call["responses"]["200"]["content"] = as_json(references[operation.answer, "serialization"])
        call["responses"].pop("422", None)
        refusals = key_errors(name)
        call["responses"] |= describe_errors((*refusals, *general_errors(call), *operation.errors), references)


def add_types(schema: Schema) -> dict[tuple[Any, JsonSchemaMode], Schema]:
    """Add the types of all calls to a description; return the references to them."""
    answers = {operation.answer for operation in OPERATIONS.values() if operation.answer} | {ErrorAnswer}
    bodies = {operation.body for operation in OPERATIONS.values() if operation.body}
    types: list[tuple[Any, JsonSchemaMode]] = [(answer, "serialization") for answer in answers]
    types += [(body, "validation") for body in bodies]
    types.sort(key=lambda entry: str(entry[0]))
    references, definitions = models_json_schema(types, ref_template=REFERENCE)
    schemas = schema.setdefault("components", {}).setdefault("schemas", {})
    for name in FASTAPI_SCHEMAS:
        schemas.pop(name, None)
    schemas |= definitions["$defs"]
    return references


def list_calls(schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Yield every call of a description with its name, like "GET /v1/files"."""
    for path, methods in schema["paths"].items():
        for method, call in methods.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", call


def key_errors(name: str) -> tuple[type[ScriptoriumError], ...]:
    """Return how a call is refused for its key, its scope, or the page that sent it."""
    if SCOPES.get(name) is None:
        return ()
    return (InvalidKey, InsufficientScope, ForeignHost, *(() if name.startswith("GET ") else (CrossSiteRequest,)))


def general_errors(call: Schema) -> list[type[ScriptoriumError]]:
    """Return the errors of every call that takes parameters, and those of one that takes a body."""
    if "requestBody" not in call:
        return [InvalidRequest] if call.get("parameters") else []
    takes_json = "application/json" in call["requestBody"]["content"]
    return [InvalidRequest, WrongContentType, *([BodyTooLarge] if takes_json else [])]


def describe_errors(
    errors: tuple[type[ScriptoriumError], ...], references: dict[tuple[Any, JsonSchemaMode], Schema]
) -> Schema:
    """Describe errors by status, each with its code and its meaning."""
    content = as_json(references[ErrorAnswer, "serialization"])
    by_status: Callable[[type[ScriptoriumError]], int] = lambda error: error.status  # noqa: E731
    responses = {
        str(status): {"description": "\n".join(map(describe_error, group)), "content": content}
        for status, group in groupby(sorted(dict.fromkeys(errors), key=by_status), key=by_status)
    }
    return responses | {"default": {"description": OTHER_ERRORS, "content": content}}


def describe_error(error: type[ScriptoriumError]) -> str:
    """Describe an error in a line: its code, and the sentence with which its class is documented."""
    return f"`{error.code}`: {(error.__doc__ or '').splitlines()[0]}"


def as_json(schema: Schema) -> Schema:
    """Return the content of a body or answer in JSON."""
    return {"application/json": {"schema": schema}}
