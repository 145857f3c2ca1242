"""The server worker: `python -m services.server.worker` serves the queue "server" and keeps the engines running."""

from __future__ import annotations

from scriptorium.jobs import queue, runner
from scriptorium.process.log_files import keep_rotating
from services.server import tasks
from services.server.reconcile import Reconciler

if __name__ == "__main__":
    context = runner.open_context()
    reconciler = Reconciler(context.store, context.settings)
    reconciler.begin()
    keep_rotating(context.settings.logs, "vllm-*.log", context.settings.max_log_bytes)
    try:
        queue.run_worker("server", tasks.app, on_shutdown=runner.shutdown.set)
    finally:
        reconciler.close()
