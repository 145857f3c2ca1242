"""Ask two engines the same prompts: the answers, the time to the first token, and the tokens per second of each.

One engine after the other, because two that share a device would slow each other down.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import httpx

from scriptorium.errors import EngineFailed
from scriptorium.urls import is_loopback

TIMEOUT = httpx.Timeout(600.0, connect=5.0)
PROMPTS = (
    "Write a scene where a character discovers an alien artifact.",
    "Describe a morning on which everything goes wrong, in the first person.",
    "Two old friends meet again after twenty years. Write what they say.",
)
DATA, DONE = "data: ", "[DONE]"


@dataclass(frozen=True)
class Answer:
    """One answer with its speed; the times are None if nothing was written. `tokens` are the engine's own count."""

    text: str
    tokens: int
    first_token_s: float | None
    tokens_per_s: float | None
    finish_reason: str | None


@dataclass(frozen=True)
class Sampling:
    """How answers are sampled."""

    max_tokens: int = 500
    temperature: float = 0.85


class ComparedEngine:
    """An engine that speaks OpenAI's API, and one of its models."""

    def __init__(
        self, url: str, model: str | None, *, tuned: bool, transport: httpx.BaseTransport | None = None
    ) -> None:
        """Connect; without a name, the model is the engine's adapter for `tuned`, or else its first one.

        Raises EngineFailed.
        """
        self.url = url.rstrip("/").removesuffix("/v1")
        self._http = httpx.Client(
            base_url=f"{self.url}/v1", timeout=TIMEOUT, transport=transport, trust_env=not is_loopback(self.url)
        )
        self.model = model or self._choose_model(tuned=tuned)

    def _choose_model(self, *, tuned: bool) -> str:
        try:
            models = self._http.get("/models").raise_for_status().json()["data"]
            adapters = [entry["id"] for entry in models if entry.get("parent")]
            return str(adapters[0] if tuned and adapters else models[0]["id"])
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError):
            raise EngineFailed(
                f"No engine answers at {self.url}.", next_step="Start one: `scriptorium serve MODEL --port PORT`."
            ) from None

    def ask(self, prompt: str, sampling: Sampling, on_text: Callable[[str], None] = lambda text: None) -> Answer:
        """Ask one prompt; `on_text` gets the answer as far as it is written. Raises EngineFailed."""
        body = {"model": self.model, "messages": [{"role": "user", "content": prompt}], "stream": True,
                "stream_options": {"include_usage": True}, **asdict(sampling)}  # fmt: skip
        text, tokens, reason = "", 0, None
        started, first, last = time.monotonic(), None, None
        for chunk in self._stream(body):
            for choice in chunk.get("choices", ()):
                reason = choice.get("finish_reason") or reason
                if content := (choice.get("delta") or {}).get("content"):
                    last = time.monotonic()
                    first = last if first is None else first
                    text += content
                    on_text(text)
            tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
        spent = last - first if first is not None and last is not None else 0.0
        return Answer(
            text=text,
            tokens=tokens,
            first_token_s=None if first is None else first - started,
            tokens_per_s=(tokens - 1) / spent if spent > 0 and tokens > 1 else None,
            finish_reason=reason,
        )

    def _stream(self, body: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield the chunks of an answer as they come."""
        try:
            with self._http.stream("POST", "/chat/completions", json=body) as response:
                if response.is_error:
                    response.read()
                    raise EngineFailed(f"{self.url} refuses {self.model}: {error_message(response)}")
                for line in response.iter_lines():
                    data = line.removeprefix(DATA)
                    if line.startswith(DATA) and data != DONE:
                        yield json.loads(data)
        except (httpx.HTTPError, ValueError) as error:
            raise EngineFailed(f"{self.url} stopped answering: {error or type(error).__name__}") from None


def error_message(response: httpx.Response) -> str:
    """Return the message of an error answer, or its status."""
    try:
        body = response.json()
        return str(body.get("error", body).get("message", response.status_code))
    except (ValueError, AttributeError):
        return f"status {response.status_code}"


def summarise(answers: list[Answer]) -> dict[str, float | None]:
    """Return the medians of an engine's speeds, and the mean length of its answers in tokens."""
    first = [answer.first_token_s for answer in answers if answer.first_token_s is not None]
    speed = [answer.tokens_per_s for answer in answers if answer.tokens_per_s is not None]
    return {
        "first_token_s": median(first) if first else None,
        "tokens_per_s": median(speed) if speed else None,
        "tokens": sum(answer.tokens for answer in answers) / max(1, len(answers)),
    }
