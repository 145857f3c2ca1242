"""Calls of OpenAI's API that this one does not have, answered with the reason and with what to do instead.

Every other unknown address is answered with `not_found`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from fastapi import APIRouter, Request

from scriptorium.errors import NotOffered

METHODS = ["GET", "POST", "DELETE"]

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class MissingCall:
    """A call that is not offered: its path, the reason, and what to do instead."""

    path: str
    reason: str
    next_step: str


MISSING_CALLS = (
    MissingCall(
        "/v1/fine_tuning/checkpoints/{checkpoint:path}/permissions",
        "Checkpoints have no permissions: a key with the scope chat may use every model.",
        "Name a checkpoint as the model of a chat: ft:...:ckpt-step-N.",
    ),
    MissingCall(
        "/v1/fine_tuning/alpha/graders/{call}",
        "Graders are not offered: they belong to reinforcement fine-tuning, which is not offered.",
        "Read the job's report, which measures the voice on held-out text.",
    ),
    MissingCall(
        "/v1/responses",
        "Responses are not offered: a tuned model answers chats.",
        "Use POST /v1/chat/completions.",
    ),
    MissingCall(
        "/v1/embeddings", "Embeddings are not offered: the models here write.", "Use an engine for embeddings."
    ),
    MissingCall(
        "/v1/batches",
        "Batches are not offered.",
        "Send the requests to POST /v1/chat/completions at once; there is no limit of connections.",
    ),
    *(
        MissingCall(
            path,
            "Webhooks are not created over the API: whoever reaches it could have this machine send requests.",
            "Set SCRIPTORIUM_WEBHOOK_URL where the API runs: docs/webhooks.md.",
        )
        for path in ("/v1/webhook_endpoints", "/v1/webhook_endpoints/{call:path}", "/v1/webhook_event_types")
    ),
)


def refuse(call: MissingCall) -> Callable[[Request], NoReturn]:
    """Return a route that refuses a call."""

    def handle(request: Request) -> NoReturn:
        raise NotOffered(call.reason, next_step=call.next_step)

    return handle


for missing_call in MISSING_CALLS:
    router.add_api_route(missing_call.path, refuse(missing_call), methods=METHODS, response_model=None)
