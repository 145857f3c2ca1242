"""The trainer worker: `python -m services.trainer.worker` serves the queue "trainer" until it is told to stop."""

from __future__ import annotations

from scriptorium import phase, queue
from services.trainer import tasks

if __name__ == "__main__":
    queue.work("trainer", tasks.app, on_shutdown=phase.shutdown.set)
