"""A vLLM engine as its client sees it: write a passage, tell the log-probabilities of a text, name yourself.

Everything that comes back is checked before it is used. Connection errors and 5xx answers are tried again, because an
engine that has just been started answers 503 for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from scriptorium.contracts import Endpoint
from scriptorium.errors import EvaluationFailed, Problem
from scriptorium.models.tokenizer import Message

STREAMS = 128  # requests at once and per engine: as many as vLLM batches on a CPU
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each new try
TIMEOUT = httpx.Timeout(3600.0, connect=10.0)  # a busy CPU takes long over a full batch
# Where a request is silent, vLLM takes what a model's generation_config.json says (as a top_p of 0.9), and nothing
# may be cut off a distribution that is to be measured.
WHOLE = {"top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
NEXT_STEP = "Read the engine's log (`scriptorium logs server`), then create the job again."


class _Turn(BaseModel):
    content: str | None = None


class _ChatChoice(BaseModel):
    message: _Turn
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int | None = None


class _Chat(BaseModel):
    choices: list[_ChatChoice] = Field(min_length=1)
    usage: _Usage = _Usage()


class _Token(BaseModel):
    logprob: float = Field(allow_inf_nan=False)


class _ScoredChoice(BaseModel):
    prompt_logprobs: list[dict[str, _Token] | None]


class _Scored(BaseModel):
    choices: list[_ScoredChoice] = Field(min_length=1)


class _Model(BaseModel):
    id: str
    max_model_len: int | None = None


class _Models(BaseModel):
    data: list[_Model]


class _Version(BaseModel):
    version: str


Answer = TypeVar("Answer", bound=BaseModel)


class Written(BaseModel):
    """What a model wrote, why it stopped ("stop", "length") and, where the engine says, how many tokens it took."""

    text: str
    finish_reason: str | None
    tokens: int | None = None


class Card(BaseModel):
    """What an engine says of itself; the length is that of prompt and answer together, in tokens."""

    model: str
    max_model_len: int | None
    version: str | None


@dataclass(frozen=True)
class Engine:
    """One endpoint; `role` ("base" or "tuned") is how people know it."""

    role: str
    endpoint: Endpoint
    client: httpx.AsyncClient
    waits: Sequence[float]
    slots: asyncio.Semaphore

    async def write(
        self, messages: Sequence[Message], max_tokens: int, *, temperature: float = 1.0, seed: int | None = None
    ) -> Written:
        """Let the model answer: at 1.0 sampled from its own distribution, at 0.0 the likeliest token.

        vLLM's CPU engine dies of a `seed`.
        """
        body = {"messages": list(messages), "temperature": temperature, **WHOLE, "max_tokens": max_tokens}
        answer = await self._ask("/v1/chat/completions", _Chat, body if seed is None else {**body, "seed": seed})
        choice = answer.choices[0]
        tokens = answer.usage.completion_tokens
        return Written(text=choice.message.content or "", finish_reason=choice.finish_reason, tokens=tokens)

    async def log_probabilities(self, ids: Sequence[int]) -> list[float]:
        """The log-probability (nats) of each token given those before it, from the second one on."""
        body = {"prompt": list(ids), "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        found = (await self._ask("/v1/completions", _Scored, body)).choices[0].prompt_logprobs
        if len(found) != len(ids):
            raise self._failure(f"scored {len(found)} tokens of {len(ids)}")
        pairs = zip(ids[1:], found[1:], strict=True)
        try:
            return [(entry or {})[str(token)].logprob for token, entry in pairs]
        except KeyError as missing:
            raise self._failure(f"gave no log-probability for token {missing}") from None

    async def card(self) -> Card:
        """Who answers; raises EvaluationFailed where nobody does, or another model than the one wanted."""
        models = (await self._ask("/v1/models", _Models)).data
        mine = next((model for model in models if model.id == self.endpoint.model), None)
        if mine is None:
            have = ", ".join(model.id for model in models) or "no model"
            raise self._failure(f"serves {have} instead of {self.endpoint.model}")
        return Card(model=mine.id, max_model_len=mine.max_model_len, version=await self._version())

    async def _version(self) -> str | None:
        """The engine's version where it has this call; it is no part of the OpenAI wire."""
        try:
            response = await self.client.get(self._url("/version"))
            return _Version.model_validate_json(response.content).version
        except (httpx.TransportError, ValidationError):
            return None

    async def _ask(self, path: str, answer: type[Answer], body: dict[str, Any] | None = None) -> Answer:
        response = await self._send(path, body)
        if response.status_code != httpx.codes.OK:
            raise self._failure(f"answered {path} with {_reason(response)}")
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise self._failure(f"answered {path} with something unexpected: {error.errors()[0]['msg']}") from None

    async def _send(self, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Send until there is an answer below 500; raises EvaluationFailed after the last try."""
        async with self.slots:
            trouble = await self._try(path, body)
            for wait in self.waits:
                if isinstance(trouble, httpx.Response):
                    return trouble
                await asyncio.sleep(wait)
                trouble = await self._try(path, body)
        if isinstance(trouble, httpx.Response):
            return trouble
        raise self._failure(f"{trouble} ({len(self.waits) + 1} tries)")

    async def _try(self, path: str, body: dict[str, Any] | None) -> httpx.Response | str:
        """One request: the answer, or what kept it from coming and may be gone in a moment."""
        try:
            if body is None:
                response = await self.client.get(self._url(path))
            else:
                response = await self.client.post(self._url(path), json={"model": self.endpoint.model, **body})
        except httpx.ReadTimeout:
            raise self._failure(f"did not answer {path} within {TIMEOUT.read} s") from None
        except httpx.TransportError as error:
            return f"cannot be reached: {error or type(error).__name__}"
        again = response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        return f"answered {path} with {_reason(response)}" if again else response

    def _url(self, path: str) -> str:
        return self.endpoint.url.rstrip("/") + path

    def _failure(self, what: str) -> EvaluationFailed:
        place = f"the {self.role} model {self.endpoint.model} at {self.endpoint.url}"
        problem = Problem(place, what)
        return EvaluationFailed("A model could not be evaluated.", problems=[problem], next_step=NEXT_STEP)


@asynccontextmanager
async def engines(
    base: Endpoint,
    tuned: Endpoint,
    transport: httpx.AsyncBaseTransport | None,
    waits: Sequence[float],
    streams: int = STREAMS,
) -> AsyncIterator[tuple[Engine, Engine]]:
    """Both engines over one client; a `transport` of one's own replaces the network in tests.

    At most `streams` requests are with one vLLM at a time, also where it answers for both models.
    """
    limits = httpx.Limits(max_connections=None)
    slots = {url: asyncio.Semaphore(streams) for url in (base.url, tuned.url)}
    # trust_env: a proxy of the host is for the world outside, not for our own engines
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT, limits=limits, trust_env=False) as client:
        yield (
            Engine("base", base, client, waits, slots[base.url]),
            Engine("tuned", tuned, client, waits, slots[tuned.url]),
        )


async def meet(pair: tuple[Engine, Engine]) -> tuple[Card, Card]:
    """The cards of both engines; raises EvaluationFailed with everything that is wrong with either."""
    base, tuned = await asyncio.gather(*(engine.card() for engine in pair), return_exceptions=True)
    if isinstance(base, Card) and isinstance(tuned, Card):
        return base, tuned
    problems: list[Problem] = []
    for found in (base, tuned):
        if isinstance(found, EvaluationFailed):
            problems += found.problems
        elif isinstance(found, BaseException):
            raise found
    raise EvaluationFailed("The models could not be compared.", problems=problems, next_step=NEXT_STEP)


def _reason(response: httpx.Response) -> str:
    """The status and the beginning of what the engine says about it."""
    return f"HTTP {response.status_code}: {' '.join(response.text.split())[:300]}"
