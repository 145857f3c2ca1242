"""Which models should be served, and which are: the server reconciles the second with the first."""

from __future__ import annotations

import redis
from pydantic import BaseModel, ConfigDict

WANTED = "scriptorium:serving:wanted"
ENGINES = "scriptorium:serving:engines"


class WantedModel(BaseModel):
    """A model that should be served: its name, its folder, and an adapter on top if it is not merged."""

    model_config = ConfigDict(frozen=True)

    name: str
    folder: str
    adapter: str | None = None


class Engine(BaseModel):
    """What an engine says of itself: starting, ready or failed (with the reason), and where it answers."""

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

    def want(self, models: list[WantedModel]) -> None:
        """Replace what should be served."""
        wanted = WantedModels(token=self.wanted().token + 1, models=models)
        self._client.set(WANTED, wanted.model_dump_json())

    def wanted(self) -> WantedModels:
        """What should be served."""
        body = self._client.get(WANTED)
        return WantedModels.model_validate_json(str(body)) if body else WantedModels()

    def publish(self, engines: list[Engine]) -> None:
        """Say which engines there are."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.delete(ENGINES)
            if engines:
                pipe.hset(ENGINES, mapping={engine.name: engine.model_dump_json() for engine in engines})
            pipe.execute()

    def engines(self) -> list[Engine]:
        """Which engines there are."""
        stored: dict[str, str] = self._client.hgetall(ENGINES)  # type: ignore[assignment]
        return [Engine.model_validate_json(body) for body in stored.values()]
