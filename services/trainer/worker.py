"""The trainer worker: `python -m services.trainer.worker` serves the queue "trainer" until it is told to stop."""

from __future__ import annotations

from scriptorium.jobs import queue, runner
from services.trainer import tasks

if __name__ == "__main__":
    queue.work("trainer", tasks.app, on_shutdown=runner.shutdown.set)
