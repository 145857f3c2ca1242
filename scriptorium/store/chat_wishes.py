"""Which models chat needs: whoever asks a model leaves a wish, and the servers load what is wished for.

A wish is renewed by every request, and forgotten some time after the last one, unless somebody keeps the model warm.
Nobody's wish comes before a job that needs the device; afterwards what was warm is served again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from pydantic import BaseModel, ConfigDict

from scriptorium.store.serving import WantedModel
from scriptorium.store.transaction import compare_and_set

WISHES_KEY = "scriptorium:serving:wishes"
RETRY_AFTER = 30.0  # seconds until a model that could not be prepared is tried again for whoever asks


class Wish(BaseModel):
    """A model that chat needs: when it was asked last (Unix seconds), and whether it is pinned warm.

    `waiting_since` is when a request began to wait for it, 0 if none does. `reason` says why it cannot be had,
    `failed_at` since when; `tried_at` is when it began to be tried, or to be tried again.
    """

    model_config = ConfigDict(frozen=True)

    model: WantedModel
    asked_at: float
    waiting_since: float = 0.0
    pinned: bool = False
    tried_at: float = 0.0
    reason: str = ""
    failed_at: float = 0.0


class ChatWishes:
    """The wishes of this deployment, by the models' names."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    def ask(self, model: WantedModel, *, keep: bool = False) -> Wish:
        """Wish for a model, or renew the wish; one that failed a while ago is tried again."""
        now = time.time()

        def renew(wish: Wish | None) -> Wish:
            pinned = keep or (wish is not None and wish.pinned)
            if wish is None or wish.model != model:
                return Wish(model=model, asked_at=now, waiting_since=now, pinned=pinned, tried_at=now)
            again = bool(wish.reason) and now - wish.failed_at > RETRY_AFTER
            failure = {"reason": "", "tried_at": now} if again else {}
            waiting = {"asked_at": now, "waiting_since": wish.waiting_since or now}
            return wish.model_copy(update={**waiting, "pinned": pinned, **failure})

        return self._change(model.name, renew)

    def refuse(self, model: WantedModel, reason: str) -> None:
        """Record why a model that is wished for cannot be had."""
        self._update(model, {"reason": reason, "failed_at": time.time(), "waiting_since": 0.0})

    def fulfil(self, model: WantedModel) -> None:
        """Record that a model is served: nobody waits for it."""
        self._update(model, {"waiting_since": 0.0})

    def release(self, model: WantedModel) -> None:
        """Keep a model warm no longer than it is asked."""
        self._update(model, {"pinned": False})

    def forget(self, name: str) -> None:
        """Wish for a model no longer."""
        self._client.hdel(WISHES_KEY, name)

    def withdraw(self, folder: Path) -> list[str]:
        """Forget the models whose weights are in a folder, because it is about to be removed; return their names."""
        names = [wish.model.name for wish in self.all() if wish.model.is_in(folder)]
        for name in names:
            self.forget(name)
        return names

    def all(self) -> list[Wish]:
        """Return every wish, by the models' names."""
        bodies: list[str] = self._client.hvals(WISHES_KEY)  # type: ignore[assignment]
        wishes = map(Wish.model_validate_json, bodies)
        return sorted(wishes, key=lambda wish: wish.model.name)

    def _update(self, model: WantedModel, changes: dict[str, Any]) -> None:
        """Change the wish for exactly this model, if there is one."""

        def apply(pipe: Any) -> None:
            body = pipe.hget(WISHES_KEY, model.name)
            pipe.multi()
            if body and (wish := Wish.model_validate_json(body)).model == model:
                pipe.hset(WISHES_KEY, model.name, wish.model_copy(update=changes).model_dump_json())

        compare_and_set(self._client, apply, WISHES_KEY)

    def _change(self, name: str, change: Callable[[Wish | None], Wish]) -> Wish:
        def apply(pipe: Any) -> Wish:
            body = pipe.hget(WISHES_KEY, name)
            wish = change(Wish.model_validate_json(body) if body else None)
            pipe.multi()
            pipe.hset(WISHES_KEY, name, wish.model_dump_json())
            return wish

        return compare_and_set(self._client, apply, WISHES_KEY)
