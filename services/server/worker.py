"""The server worker: `python -m services.server.worker` serves the queue "server" and keeps the engines running."""

from __future__ import annotations

from scriptorium.jobs import queue, runner
from services.server import tasks
from services.server.reconcile import Reconciler

if __name__ == "__main__":
    context = runner.open_context()
    reconciler = Reconciler(context.store, context.settings)
    reconciler.begin()
    try:
        queue.run_worker("server", tasks.app, on_shutdown=runner.shutdown.set)
    finally:
        reconciler.close()
