"""What moves: jobs, their events, leases and the wanted model, in Redis. The only room that imports redis."""

from __future__ import annotations

from scriptorium.store.connection import Store, open_store
from scriptorium.store.events import NO_EVENT
from scriptorium.store.leases import Lease

__all__ = ["NO_EVENT", "Lease", "Store", "open_store"]
