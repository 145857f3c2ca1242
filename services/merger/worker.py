"""The merger worker: `python -m services.merger.worker` serves the queue "merger" until it is stopped."""

from __future__ import annotations

from scriptorium.jobs import queue, runner
from services.merger import tasks

if __name__ == "__main__":
    queue.run_worker("merger", tasks.app, on_shutdown=runner.shutdown.set)
