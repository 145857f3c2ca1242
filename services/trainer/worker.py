"""The trainer worker: `python -m services.trainer.worker` serves the queue "trainer" until it is stopped."""

from __future__ import annotations

from scriptorium.jobs import queue, runner
from services.trainer import tasks

if __name__ == "__main__":
    queue.run_worker("trainer", tasks.app, on_shutdown=runner.shutdown.set)
