"""An outbox for what a running phase reports: the store may be away for a while without anything being lost.

Writes are done in their order. One that fails stays, with all that come after it, and is tried again with the next
write or `flush`, at most once a second. Losing the store must not cost a training; losing its story would be a pity.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable

from scriptorium.errors import StoreUnavailable
from scriptorium.store.connection import store_errors

log = logging.getLogger(__name__)

MAX_WRITES = 20_000  # a step's numbers are three; beyond, the oldest are dropped
RETRY_INTERVAL = 1.0  # seconds
POLL_INTERVAL = 0.1  # seconds between two looks at whether to go on waiting

Write = Callable[[], object]


class Outbox:
    """Writes that wait for the store."""

    def __init__(self) -> None:
        self._writes: deque[Write] = deque(maxlen=MAX_WRITES)
        self._lock = threading.Lock()
        self._retry_at = 0.0

    def put(self, write: Write) -> None:
        """Do a write after those that wait, now or later."""
        with self._lock:
            self._writes.append(write)
        self.flush()

    def flush(self) -> bool:
        """Do what waits, as far as the store answers; returns whether nothing is left."""
        with self._lock:
            if time.monotonic() < self._retry_at:
                return not self._writes
            while self._writes:
                try:
                    with store_errors():
                        self._writes[0]()
                except StoreUnavailable as error:
                    log.warning("%s; %d writes wait", error, len(self._writes))
                    self._retry_at = time.monotonic() + RETRY_INTERVAL
                    return False
                self._writes.popleft()
            return True

    def drain(self, check: Callable[[], None]) -> None:
        """Wait until the store has taken everything that was reported; raises what `check` raises meanwhile."""
        while not self.flush():
            check()
            time.sleep(POLL_INTERVAL)
