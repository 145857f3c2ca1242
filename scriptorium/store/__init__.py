"""State in Redis: jobs, their events, leases and wanted models. The only package that imports redis."""

from __future__ import annotations

from scriptorium.store.connection import Store, open_store
from scriptorium.store.events import NO_EVENT
from scriptorium.store.leases import Lease

__all__ = ["NO_EVENT", "Lease", "Store", "open_store"]
