"""The evaluator worker: `python -m services.evaluator.worker` serves the queue "evaluator" until it is stopped."""

from __future__ import annotations

from scriptorium.jobs import queue, runner
from services.evaluator import tasks

if __name__ == "__main__":
    queue.run_worker("evaluator", tasks.app, on_shutdown=runner.shutdown.set)
