"""Stand-ins for the queue and for vLLM in these tests, and a server to run them on."""

from __future__ import annotations

import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any

import uvicorn
from fastapi import Body, FastAPI, Request
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.types import ASGIApp

from scriptorium.models.tokenizer import ChatTokenizer
from scriptorium.process.child import wait_until

BASE = "tiny-base"
TUNED = f"ft:{BASE}:scriptorium:poe:0123"
WORDS = ("Call ", "me ", "Ishmael.")


@dataclass
class Sent:
    """A queue that records what would have been sent."""

    messages: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, task: str, job_id: str) -> None:
        self.messages.append((task, job_id))

    def waiting(self, task: str) -> int:
        """Return 0: every message was taken at once."""
        return 0


@dataclass
class AnsweringEngine:
    """Answers as vLLM does; records its requests and whether a client left before the end.

    A chat is cut into tokens by `tokenizer`, if there is one.
    """

    requests: list[dict[str, Any]] = field(default_factory=list)
    abandoned: threading.Event = field(default_factory=threading.Event)
    tokenizer: ChatTokenizer | None = None

    def app(self) -> FastAPI:
        """Make the engine's application."""
        app = FastAPI()
        app.post("/v1/chat/completions", response_model=None)(self.chat)
        app.post("/v1/completions", response_model=None)(self.complete)
        app.get("/v1/models")(lambda: {"data": [{"id": "any", "max_model_len": 2048}]})
        app.post("/tokenize", response_model=None)(self.tokenise)
        return app

    async def chat(self, request: Request, body: Annotated[dict[str, Any], Body()]) -> Any:
        """Answer with a few words; "wait" gets no answer, "refuse" and "crash" an error, and "break" half a stream."""
        self.requests.append(body)
        prompt = body["messages"][-1].get("content")
        if prompt == "refuse":
            error = {"message": "too long", "type": "BadRequestError", "param": "messages", "code": 400}
            return JSONResponse({"error": error}, 400)
        if prompt == "crash":
            return JSONResponse({"error": {"message": "out of memory", "code": 500}}, 500)
        if body.get("stream"):
            return StreamingResponse(self.stream(request, prompt), media_type="text/event-stream")
        if prompt == "wait":
            await self.wait_until_gone(request)
        return completion("chat.completion", message={"role": "assistant", "content": "".join(WORDS)})

    async def complete(self, body: Annotated[dict[str, Any], Body()]) -> Any:
        """Answer with a few words."""
        self.requests.append(body)
        return completion("text_completion", text="".join(WORDS))

    async def tokenise(self, body: Annotated[dict[str, Any], Body()]) -> Any:
        """Cut a chat into tokens."""
        assert self.tokenizer
        chat = self.tokenizer.render(body["messages"], add_generation_prompt=body["add_generation_prompt"])
        return {"tokens": self.tokenizer.encode(chat)}

    async def stream(self, request: Request, prompt: str) -> AsyncIterator[str]:
        """Yield a few words, one at a time."""
        for word in WORDS:
            chunk = completion("chat.completion.chunk", delta={"content": word})
            yield f"data: {json.dumps(chunk)}\n\n"
        if prompt == "break":
            raise ConnectionAbortedError
        if prompt == "wait":
            await self.wait_until_gone(request)
        yield "data: [DONE]\n\n"

    async def wait_until_gone(self, request: Request) -> None:
        """Wait until the client disconnects."""
        try:
            while (await request.receive())["type"] != "http.disconnect":
                pass
        finally:
            self.abandoned.set()


def completion(kind: str, **choice: Any) -> dict[str, Any]:
    """Make an answer with one choice."""
    choices = [{"index": 0, "finish_reason": None if "delta" in choice else "stop", **choice}]
    return {"id": "cmpl-1", "object": kind, "created": 1, "model": "any", "choices": choices}


@contextmanager
def serving(app: ASGIApp) -> Iterator[str]:
    """Run an application on a free port in a thread; yields its base URL."""
    config = uvicorn.Config(app, "127.0.0.1", 0, log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        assert wait_until(lambda: server.started or not thread.is_alive(), timedelta(seconds=20), interval=0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
