"""The data worker: `python -m services.data.worker` serves the queue "data" until it is told to stop."""

from __future__ import annotations

from scriptorium import phase, queue
from services.data import tasks

if __name__ == "__main__":
    queue.work("data", tasks.app, on_shutdown=phase.shutdown.set)
