"""Engine sessions, and the engines that run: servers match the engines to the sessions and to what chat wishes for.

An engine session belongs to a job that needs models to answer, from serve to the end of evaluate. It names them, waits
for a device like a training does, and survives a restart of the server that serves it. Chat comes last: its wishes (see
`scriptorium.store.chat_wishes`) are served while no job needs the device. Nobody keeps an engine's address: it is
looked up, by the model's name and folder, whenever it is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import redis
from pydantic import BaseModel, ConfigDict, TypeAdapter

from scriptorium.store.transaction import compare_and_set

SESSIONS_KEY = "scriptorium:serving:sessions"
TOKEN_KEY = "scriptorium:serving:token"  # noqa: S105
SERVERS_KEY = "scriptorium:serving:servers"
LOADS_KEY = "scriptorium:serving:load-seconds"
LOAD_SECONDS = 60.0  # of a device that has loaded nothing yet


class AdapterVariant(BaseModel):
    """A checkpoint of a job at a strength, which somebody has to make before it can be served."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    step: int
    strength: float


class WantedModel(BaseModel):
    """A model that should be served: its name, its folder, and an adapter on top if it is not merged.

    One that is asked a handful of questions is `eager`: its engine compiles nothing and so starts sooner. A request
    that names no temperature gets the model's own. The weights in a folder are others in another `round` of a job. The
    folder of a `variant` (or its adapter's) may not be there yet.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    folder: str
    adapter: str | None = None
    eager: bool = False
    temperature: float | None = None
    round: int = 1
    variant: AdapterVariant | None = None

    @property
    def prepared(self) -> Path:
        """The folder that is complete once its variant is made."""
        return Path(self.adapter).parent if self.adapter else Path(self.folder)

    def is_in(self, folder: Path) -> bool:
        """Return whether any of its weights are in a folder."""
        return any(path and Path(path).is_relative_to(folder) for path in (self.folder, self.adapter))


class Engine(BaseModel):
    """The engine of one model: its state, with the reason, its URL, and when it should be ready (Unix seconds).

    States: preparing (its weights are being made), starting, ready, leaving (it takes no new request), failed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    folder: str
    adapter: str | None = None
    state: str
    url: str = ""
    reason: str = ""
    ready_at: float | None = None
    temperature: float | None = None
    round: int = 1

    def serves(self, model: WantedModel) -> bool:
        """Return whether this is the engine of exactly this model: two may share a name and differ in their weights."""
        mine, wanted = ((one.name, one.folder, one.adapter, one.round) for one in (self, model))
        return mine == wanted


ENGINES: TypeAdapter[list[Engine]] = TypeAdapter(list[Engine])


class EngineSession(BaseModel):
    """The models that a job needs to answer; `token` grows with every change, `device` is where they are served."""

    model_config = ConfigDict(frozen=True)

    job_id: str
    token: int
    rank: float
    models: list[WantedModel]
    device: str | None = None


class Serving:
    """Sessions (opened by jobs), and the engines (published by the servers)."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def open_session(self, job_id: str, models: list[WantedModel], rank: float) -> EngineSession:
        """Open a job's session, or change the models of the one that it has; the same models change nothing."""

        def apply(pipe: Any) -> EngineSession:
            body = pipe.hget(SESSIONS_KEY, job_id)
            session = EngineSession.model_validate_json(body) if body else None
            if session and session.models == models:
                pipe.multi()
                return session
            token = int(pipe.get(TOKEN_KEY) or 0) + 1
            session = EngineSession(
                job_id=job_id, token=token, rank=rank, models=models, device=session.device if session else None
            )
            pipe.multi()
            pipe.set(TOKEN_KEY, token)
            pipe.hset(SESSIONS_KEY, job_id, session.model_dump_json())
            return session

        return compare_and_set(self._client, apply, SESSIONS_KEY, TOKEN_KEY)

    def sessions(self) -> list[EngineSession]:
        """Return the open sessions in the order of their ranks."""
        bodies: list[str] = self._client.hvals(SESSIONS_KEY)  # type: ignore[assignment]
        sessions = [EngineSession.model_validate_json(body) for body in bodies]
        return sorted(sessions, key=lambda session: (session.rank, session.job_id))

    def assign(self, session: EngineSession, device: str | None) -> bool:
        """Record which device serves a session; returns False if the session has changed or another server has it."""

        def apply(pipe: Any) -> bool:
            body = pipe.hget(SESSIONS_KEY, session.job_id)
            pipe.multi()
            if not body or EngineSession.model_validate_json(body) != session:
                return False
            assigned = session.model_copy(update={"device": device})
            pipe.hset(SESSIONS_KEY, session.job_id, assigned.model_dump_json())
            return True

        return compare_and_set(self._client, apply, SESSIONS_KEY)

    def close_session(self, job_id: str) -> None:
        """Close the session of a job, if it has one."""
        self._client.hdel(SESSIONS_KEY, job_id)

    def load_seconds(self) -> float:
        """Return the seconds in which an engine becomes ready: what the last one of the slowest device took."""
        seconds: list[str] = self._client.hvals(LOADS_KEY)  # type: ignore[assignment]
        return max(map(float, seconds), default=LOAD_SECONDS)

    def remember_load(self, device: str, seconds: float) -> None:
        """Remember how long the last engine of a device took to become ready."""
        self._client.hset(LOADS_KEY, device, f"{seconds:.1f}")

    def publish(self, engines: Iterable[Engine], device: str, ttl: timedelta) -> None:
        """Publish the engines of a device; they vanish `ttl` after the last call, so a dead server has none."""
        with self._client.pipeline(transaction=True) as pipe:
            pipe.sadd(SERVERS_KEY, device)
            pipe.set(_engines(device), ENGINES.dump_json(list(engines)), px=ttl)
            pipe.execute()

    def engines(self) -> list[Engine]:
        """Return the engines of every device."""
        devices = sorted(str(device) for device in self._client.smembers(SERVERS_KEY))
        bodies: list[str | None] = self._client.mget([_engines(device) for device in devices]) if devices else []  # type: ignore[assignment]
        return [engine for body in bodies if body for engine in ENGINES.validate_json(body)]

    def find_engine(self, model: WantedModel) -> Engine | None:
        """Return the engine of exactly this model, a ready one if there is any."""
        engines = [engine for engine in self.engines() if engine.serves(model)]
        return min(engines, key=lambda engine: engine.state != "ready", default=None)


def _engines(device: str) -> str:
    return f"scriptorium:serving:engines:{device}"
