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
    InternalError,
    InvalidKey,
    InvalidRequest,
    RateLimited,
    ScriptoriumError,
    StoreUnavailable,
    WrongContentType,
)
from services.api.access.route_scopes import SCOPES
from services.api.errors import is_page
from services.api.openapi.operations import HTML, JSON, OPERATIONS, Operation
from services.api.openapi.wire_objects import ErrorAnswer

METHODS = ("get", "post", "put", "delete")
REFERENCE = "#/components/schemas/{model}"
ANSWER_MEANINGS = {200: "The answer.", 303: "Go on at the page in Location.", 503: "The same, not healthy."}
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
        if operation.example:
            call["requestBody"]["content"]["application/json"]["example"] = operation.example
        call["responses"] = describe_answer(operation, references)
        errors = (*key_errors(name), *general_errors(call), *operation.errors)
        call["responses"] |= describe_errors(errors, references, name.split()[1])
        for parameter in call.get("parameters", []):
            parameter["schema"] = without_null(parameter["schema"])
    for form in list_forms(schema):
        form["properties"] = {name: without_null(part) for name, part in form["properties"].items()}
        form["dependentRequired"] = find_companions(list(form["properties"]))


def describe_answer(operation: Operation, references: dict[tuple[Any, JsonSchemaMode], Schema]) -> Schema:
    """Describe what a call answers with if it succeeds, in each of its content types."""
    answer = references[operation.answer, "serialization"] if operation.answer else {}
    media_types = {media: {"schema": answer} if media == JSON else {} for media in operation.media}
    content = {"content": media_types} if media_types else {}
    statuses = (operation.status, *operation.others)
    return {str(status): {"description": ANSWER_MEANINGS[status], **content} for status in statuses}


def list_forms(schema: Schema) -> Iterator[Schema]:
    """Yield the types of the bodies that are forms."""
    for _, call in list_calls(schema):
        for media, content in call.get("requestBody", {}).get("content", {}).items():
            if media != JSON:
                yield schema["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[-1]]


def find_companions(names: list[str]) -> dict[str, list[str]]:
    """Return which fields of a form must come with which: those of one object, such as "expires_after[anchor]"."""
    objects = {name: name.partition("[")[0] for name in names if "[" in name}
    return {
        name: [other for other in objects if other != name and objects[other] == whole]
        for name, whole in objects.items()
    }


def without_null(schema: Schema) -> Schema:
    """Return the type of a parameter or a form's field without null: neither can be sent, only left out."""
    arms = [arm for arm in schema.get("anyOf", []) if arm != {"type": "null"}]
    if len(arms) != 1:
        return schema
    return {**{key: value for key, value in schema.items() if key != "anyOf"}, **arms[0]}


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
    cross_site = () if name.startswith("GET ") else (CrossSiteRequest,)
    return (InvalidKey, InsufficientScope, RateLimited, ForeignHost, *cross_site)


def general_errors(call: Schema) -> list[type[ScriptoriumError]]:
    """Return the errors of every call, those of one that takes parameters, and those of one that takes a body."""
    errors: list[type[ScriptoriumError]] = [InternalError, StoreUnavailable, BodyTooLarge]
    if "requestBody" in call:
        return [*errors, InvalidRequest, WrongContentType]
    return [*errors, InvalidRequest] if call.get("parameters") else errors


def describe_errors(
    errors: tuple[type[ScriptoriumError], ...],
    references: dict[tuple[Any, JsonSchemaMode], Schema],
    path: str,
) -> Schema:
    """Describe errors by status, each with its code and its meaning; those of a page are a page."""
    content = {HTML: {}} if is_page(path) else as_json(references[ErrorAnswer, "serialization"])
    by_status: Callable[[type[ScriptoriumError]], int] = lambda error: error.status  # noqa: E731
    return {
        str(status): {"description": "\n".join(map(describe_error, group)), "content": content}
        for status, group in groupby(sorted(dict.fromkeys(errors), key=by_status), key=by_status)
    }


def describe_error(error: type[ScriptoriumError]) -> str:
    """Describe an error in a line: its code, and the sentence with which its class is documented."""
    return f"`{error.code}`: {(error.__doc__ or '').splitlines()[0]}"


def as_json(schema: Schema) -> Schema:
    """Return the content of a body or answer in JSON."""
    return {"application/json": {"schema": schema}}
