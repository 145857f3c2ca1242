"""The client of a vLLM engine: write a passage, score the tokens of a text, identify the model.

Every answer is validated before it is used. Connection errors and 5xx answers are tried again, because an engine that
has just been started answers 503 for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, Field, ValidationError

from scriptorium.contracts import Endpoint
from scriptorium.contracts.base import Message
from scriptorium.contracts.report.document import FULL_DISTRIBUTION, ModelInfo
from scriptorium.errors import EvaluationFailed, Problem

STREAMS = 128  # concurrent requests per engine: as many as vLLM batches on a CPU
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds before each retry
TIMEOUT = httpx.Timeout(3600.0, connect=10.0)  # a full batch takes long on a busy CPU
LOCATE_INTERVAL = 1.0  # seconds
NEXT_STEP = "Read the engine's log (`scriptorium logs server`), then create the job again."


class _Turn(BaseModel):
    content: str | None = None


class _ChatChoice(BaseModel):
    message: _Turn
    finish_reason: str | None = None


class _Usage(BaseModel):
    completion_tokens: int | None = None


class _ChatAnswer(BaseModel):
    choices: list[_ChatChoice] = Field(min_length=1)
    usage: _Usage = _Usage()


class _Token(BaseModel):
    logprob: float = Field(allow_inf_nan=False)


class _ScoredChoice(BaseModel):
    prompt_logprobs: list[dict[str, _Token] | None]


class _ScoringAnswer(BaseModel):
    choices: list[_ScoredChoice] = Field(min_length=1)


class _Model(BaseModel):
    id: str
    max_model_len: int | None = None


class _Models(BaseModel):
    data: list[_Model]


class _Version(BaseModel):
    version: str


Answer = TypeVar("Answer", bound=BaseModel)
Locate = Callable[[Endpoint], str | None]


class Completion(BaseModel):
    """A model's answer, why it ended ("stop", "length") and, if the engine reports it, its number of tokens."""

    text: str
    finish_reason: str | None
    tokens: int | None = None


@dataclass(frozen=True)
class VllmClient:
    """The client of one endpoint; `role` ("base" or "tuned") names it in errors.

    With `locate` the engine's address is looked up for each request, and one that is not there is waited for: its
    device may be somebody else's for a while. The endpoint's own address is used without it.
    """

    role: str
    endpoint: Endpoint
    http: httpx.AsyncClient
    retry_delays: Sequence[float]
    slots: asyncio.Semaphore
    locate: Locate | None = None

    async def write(
        self, messages: Sequence[Message], max_tokens: int, *, temperature: float = 1.0, seed: int | None = None
    ) -> Completion:
        """Let the model answer; at temperature 1.0 it samples from its own distribution, at 0.0 it is greedy.

        A `seed` crashes vLLM's CPU engine.
        """
        body = {"messages": list(messages), "temperature": temperature, **FULL_DISTRIBUTION, "max_tokens": max_tokens}
        answer = await self._request(
            "/v1/chat/completions", _ChatAnswer, body if seed is None else {**body, "seed": seed}
        )
        choice = answer.choices[0]
        tokens = answer.usage.completion_tokens
        return Completion(text=choice.message.content or "", finish_reason=choice.finish_reason, tokens=tokens)

    async def log_probabilities(self, ids: Sequence[int]) -> list[float]:
        """Return the log-probability (nats) of each token given those before it, from the second token on."""
        body = {"prompt": list(ids), "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        entries = (await self._request("/v1/completions", _ScoringAnswer, body)).choices[0].prompt_logprobs
        if len(entries) != len(ids):
            raise self._failure(f"scored {len(entries)} tokens of {len(ids)}")
        pairs = zip(ids[1:], entries[1:], strict=True)
        try:
            return [(entry or {})[str(token)].logprob for token, entry in pairs]
        except KeyError as missing:
            raise self._failure(f"gave no log-probability for token {missing}") from None

    async def model_info(self) -> ModelInfo:
        """Return the model and the engine's version; raises EvaluationFailed if the model is not served."""
        models = (await self._request("/v1/models", _Models)).data
        match = next((model for model in models if model.id == self.endpoint.model), None)
        if match is None:
            served = ", ".join(model.id for model in models) or "no model"
            raise self._failure(f"serves {served} instead of {self.endpoint.model}")
        return ModelInfo(model=match.id, max_model_len=match.max_model_len, version=await self._version())

    async def _version(self) -> str | None:
        """Return the engine's version if it has this endpoint, which is not part of the OpenAI API."""
        try:
            response = await self.http.get(await self._address() + "/version")
            return _Version.model_validate_json(response.content).version
        except (httpx.TransportError, ValidationError):
            return None

    async def _request(self, path: str, answer: type[Answer], body: dict[str, Any] | None = None) -> Answer:
        """Send a request and validate its answer; raises EvaluationFailed."""
        response = await self._send(path, body)
        if response.status_code != httpx.codes.OK:
            raise self._failure(f"answered {path} with {_reason(response)}")
        try:
            return answer.model_validate_json(response.content)
        except ValidationError as error:
            raise self._failure(f"answered {path} with something unexpected: {error.errors()[0]['msg']}") from None

    async def _send(self, path: str, body: dict[str, Any] | None) -> httpx.Response:
        """Send until there is an answer below 500; raises EvaluationFailed after the last try at one address."""
        async with self.slots:
            address, failures = "", 0
            while True:
                current = await self._address()
                failures = failures if current == address else 0  # another engine has all its tries
                address = current
                outcome = await self._try(address, path, body)
                if isinstance(outcome, httpx.Response):
                    return outcome
                if failures == len(self.retry_delays):
                    raise self._failure(f"{outcome} ({failures + 1} tries)")
                await asyncio.sleep(self.retry_delays[failures])
                failures += 1

    async def _address(self) -> str:
        """Return the engine's address, as soon as there is one."""
        if self.locate is None:
            return self.endpoint.url.rstrip("/")
        while (address := await asyncio.to_thread(self.locate, self.endpoint)) is None:  # noqa: ASYNC110  # a poll
            await asyncio.sleep(LOCATE_INTERVAL)
        return address.rstrip("/")

    async def _try(self, address: str, path: str, body: dict[str, Any] | None) -> httpx.Response | str:
        """Send one request; returns the response, or the reason for a failure that may be temporary."""
        try:
            if body is None:
                response = await self.http.get(address + path)
            else:
                response = await self.http.post(address + path, json={"model": self.endpoint.model, **body})
        except httpx.ReadTimeout:
            raise self._failure(f"did not answer {path} within {TIMEOUT.read} s") from None
        except httpx.TransportError as error:
            return f"cannot be reached: {error or type(error).__name__}"
        temporary = response.is_server_error or response.status_code == httpx.codes.TOO_MANY_REQUESTS
        return f"answered {path} with {_reason(response)}" if temporary else response

    def _failure(self, message: str) -> EvaluationFailed:
        """Return the error that names this model and what went wrong."""
        place = f"the {self.role} model {self.endpoint.model} at {self.endpoint.url}"
        problem = Problem(place, message)
        return EvaluationFailed("A model could not be evaluated.", problems=[problem], next_step=NEXT_STEP)


@asynccontextmanager
async def open_clients(
    base: Endpoint,
    tuned: Endpoint,
    transport: httpx.AsyncBaseTransport | None,
    retry_delays: Sequence[float],
    streams: int = STREAMS,
    *,
    locate: Locate | None = None,
) -> AsyncIterator[tuple[VllmClient, VllmClient]]:
    """Open the clients of both engines over one connection pool; `transport` replaces the network in tests.

    At most `streams` requests run at once per engine, also if one engine serves both models.
    """
    limits = httpx.Limits(max_connections=None)
    slots = {url: asyncio.Semaphore(streams) for url in (base.url, tuned.url)}
    # trust_env: a proxy of the host is for the internet, not for our own engines
    async with httpx.AsyncClient(transport=transport, timeout=TIMEOUT, limits=limits, trust_env=False) as http:
        yield (
            VllmClient("base", base, http, retry_delays, slots[base.url], locate),
            VllmClient("tuned", tuned, http, retry_delays, slots[tuned.url], locate),
        )


async def fetch_model_info(pair: tuple[VllmClient, VllmClient]) -> tuple[ModelInfo, ModelInfo]:
    """Fetch the model info of both endpoints; raises EvaluationFailed with all problems of either."""
    base, tuned = await asyncio.gather(*(client.model_info() for client in pair), return_exceptions=True)
    if isinstance(base, ModelInfo) and isinstance(tuned, ModelInfo):
        return base, tuned
    problems: list[Problem] = []
    for outcome in (base, tuned):
        if isinstance(outcome, EvaluationFailed):
            problems += outcome.problems
        elif isinstance(outcome, BaseException):
            raise outcome
    raise EvaluationFailed("The models could not be compared.", problems=problems, next_step=NEXT_STEP)


def _reason(response: httpx.Response) -> str:
    """Return the status and the beginning of the engine's message."""
    return f"HTTP {response.status_code}: {' '.join(response.text.split())[:300]}"
