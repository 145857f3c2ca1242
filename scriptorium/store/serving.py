"""Wanted models and running engines: the server reconciles the engines with the wanted models."""

from __future__ import annotations

import redis
from pydantic import BaseModel, ConfigDict

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
