"""Wanted models and running engines: the server reconciles the engines with the wanted models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis
from pydantic import BaseModel, ConfigDict

from scriptorium.store.transaction import compare_and_set

WANTED_KEY = "scriptorium:serving:wanted"
ENGINES_KEY = "scriptorium:serving:engines"


class WantedModel(BaseModel):
    """A model that should be served: its name, its folder, and an adapter on top if it is not merged."""

    model_config = ConfigDict(frozen=True)

    name: str
    folder: str
    adapter: str | None = None


class Engine(BaseModel):
    """An engine's state (starting, ready or failed, with the reason) and its URL."""

    model_config = ConfigDict(frozen=True)

    name: str
    folder: str
    state: str
    url: str = ""
    reason: str = ""


class WantedModels(BaseModel):
    """The wanted models as one value; `token` grows with every change."""

    model_config = ConfigDict(frozen=True)

    token: int = 0
    models: list[WantedModel] = []


class Serving:
    """The wanted models (written by the serve phase) and the engines (written by the reconciler)."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def set_wanted(self, models: list[WantedModel]) -> None:
        """Replace the wanted models."""
        wanted = WantedModels(token=self.wanted_models().token + 1, models=models)
        self._client.set(WANTED_KEY, wanted.model_dump_json())

    def withdraw(self, folder: Path) -> None:
        """Stop wanting the models whose weights are in a folder, because it is about to be removed."""

        def apply(pipe: Any) -> None:
            body = pipe.get(WANTED_KEY)
            wanted = WantedModels.model_validate_json(body) if body else WantedModels()
            others = [model for model in wanted.models if not _is_in(model, folder)]
            pipe.multi()
            if others != wanted.models:
                pipe.set(WANTED_KEY, WantedModels(token=wanted.token + 1, models=others).model_dump_json())

        compare_and_set(self._client, apply, WANTED_KEY)

    def wanted_models(self) -> WantedModels:
        """Return the wanted models."""
        body = self._client.get(WANTED_KEY)
        return WantedModels.model_validate_json(str(body)) if body else WantedModels()

    def publish(self, engines: list[Engine]) -> None:
        """Replace the list of engines."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(ENGINES_KEY)
            if engines:
                pipe.hset(ENGINES_KEY, mapping={engine.name: engine.model_dump_json() for engine in engines})
            pipe.execute()

    def engines(self) -> list[Engine]:
        """Return the engines."""
        stored: dict[str, str] = self._client.hgetall(ENGINES_KEY)  # type: ignore[assignment]
        return [Engine.model_validate_json(body) for body in stored.values()]


def _is_in(model: WantedModel, folder: Path) -> bool:
    return any(path and Path(path).is_relative_to(folder) for path in (model.folder, model.adapter))
