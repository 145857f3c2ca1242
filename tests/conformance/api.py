"""The real API under uvicorn, with a real Redis, its reaper and a data folder of its own, on the loopback address."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

from fastapi import Body, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from scriptorium.contracts import Phase
from scriptorium.jobs import queue
from scriptorium.jobs.runner import Context, open_context
from scriptorium.settings import Settings, get_settings
from scriptorium.store.serving import Engine
from services.api.application import create_app
from services.api.openapi.wire_objects import ChatRequest, CompletionRequest, EngineRequest
from tests.embedded_redis import embedded_redis
from tests.integration.standins import BASE, TUNED, AnsweringEngine, serving
from tests.integration.work import finish_with_model

BASE_CONFIG = {
    "model_type": "llama", "vocab_size": 49152, "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "intermediate_size": 1536, "tie_word_embeddings": True, "dtype": "bfloat16",
}  # fmt: skip
LIFETIME = timedelta(hours=1)  # of what the stand-ins for the workers publish


class StrictEngine(AnsweringEngine):
    """Refuses what is no chat and no text, as vLLM does."""

    async def chat(self, request: Request, body: Annotated[dict[str, Any], Body()]) -> Any:
        """Answer a chat with messages."""
        return refuse_body(ChatRequest, body) or await super().chat(request, body)

    async def complete(self, body: Annotated[dict[str, Any], Body()]) -> Any:
        """Continue a text."""
        return refuse_body(CompletionRequest, body) or await super().complete(body)


def refuse_body(body_type: type[EngineRequest], body: dict[str, Any]) -> JSONResponse | None:
    """Return vLLM's refusal of a body that is not of its type; None if it is."""
    try:
        body_type.model_validate(body)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        return JSONResponse({"error": {"message": error.errors()[0]["msg"], "param": place, "code": 400}}, 400)
    return None


@contextmanager
def live_api() -> Iterator[tuple[str, Context]]:
    """Run the API; yield its address and its context, with which a worker is played."""
    with tempfile.TemporaryDirectory(prefix="scr-") as name, embedded_redis() as redis_url:
        settings = make_settings(Path(name), redis_url)
        context = open_context(settings)
        try:
            with serving(StrictEngine().app()) as engine:
                publish_models(context, engine)
                with serving(create_app(context)) as url:
                    yield url, context
        finally:
            context.store.client.close()


def make_settings(folder: Path, redis_url: str) -> Settings:
    """Return the settings of the API, and of the queue, which reads them from the environment of this process."""
    for name in [name for name in os.environ if name.startswith("SCRIPTORIUM_")]:
        del os.environ[name]
    os.environ["SCRIPTORIUM_REDIS_URL"] = redis_url
    get_settings.cache_clear()
    queue.app.cache_clear()
    base = folder / "models" / BASE
    base.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps(BASE_CONFIG))
    return Settings(
        data_dir=folder / "data",
        models_dir=folder / "models",
        redis_url=redis_url,
        device="cpu",
        default_recipe="cpu",
        heartbeat=timedelta(seconds=0.1),
        chat_wait=timedelta(seconds=0.5),
        max_upload_bytes=1 << 20,
    )


def publish_models(context: Context, engine_url: str) -> None:
    """Publish an engine that answers for the base and for the model of a job that has succeeded."""
    job = finish_with_model(context, "ftjob-0123", "poe")
    folders = {BASE: context.volume.models / BASE, TUNED: context.volume.folder(job.id, Phase.MERGE)}
    engines = [Engine(name=name, folder=str(path), state="ready", url=engine_url) for name, path in folders.items()]
    context.store.serving.publish(engines, "cpu:here", LIFETIME)
