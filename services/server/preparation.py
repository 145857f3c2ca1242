"""Models that have to be made before an engine can load them: asked for, and asked again if they do not come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from scriptorium.artifacts import manifest
from scriptorium.store.chat_wishes import Wish
from scriptorium.store.serving import AdapterVariant

PREPARE_INTERVAL = 10.0  # seconds between two requests to make the same variant


class VariantOrders:
    """Knows what was asked for; `prepare` has a checkpoint made servable at a strength."""

    def __init__(self, prepare: Callable[[AdapterVariant], None]) -> None:
        self._prepare = prepare
        self._asked_at: dict[AdapterVariant, float] = {}

    def split(self, wishes: Sequence[Wish]) -> tuple[list[Wish], list[Wish]]:
        """Return the wishes whose models are there, and the others, which are asked for."""
        there = [wish for wish in wishes if wish.model.variant is None or manifest.read(wish.model.prepared)]
        missing = [wish for wish in wishes if wish not in there]
        variants = {wish.model.variant for wish in missing if wish.model.variant}
        self._asked_at = {variant: at for variant, at in self._asked_at.items() if variant in variants}
        for variant in variants:
            if time.monotonic() - self._asked_at.get(variant, -PREPARE_INTERVAL) >= PREPARE_INTERVAL:
                self._asked_at[variant] = time.monotonic()
                self._prepare(variant)
        return there, missing
