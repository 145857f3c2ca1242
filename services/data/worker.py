"""The data worker: `python -m services.data.worker` serves the queue "data" until it is stopped."""

from __future__ import annotations

from scriptorium.jobs import queue, runner
from services.data import tasks

if __name__ == "__main__":
    queue.run_worker("data", tasks.app, on_shutdown=runner.shutdown.set)
