"""The server worker: `python -m services.server.worker` serves the queue "server" and keeps the engines running."""

from __future__ import annotations

from functools import partial

from scriptorium.jobs import queue, runner
from scriptorium.jobs.devices import gpu_index, list_devices
from scriptorium.process.log_files import keep_rotating
from scriptorium.store.serving import AdapterVariant
from services.server import tasks
from services.server.engine import VllmEngine
from services.server.reconcile import Reconciler


def ask_merger(variant: AdapterVariant) -> None:
    """Send a message for a variant, unless the merger has not even taken up the last one."""
    if not queue.count_waiting(queue.VARIANTS):
        queue.send(queue.VARIANTS, variant.job_id)


if __name__ == "__main__":
    context = runner.open_context()
    reconcilers = [
        Reconciler(
            context.store,
            context.settings,
            device,
            partial(VllmEngine, gpu=gpu_index(device)),
            prepare=ask_merger,
        )
        for device in list_devices(context.settings)
    ]
    for reconciler in reconcilers:
        reconciler.begin()
    keep_rotating(context.settings.logs, "vllm-*.log", context.settings.max_log_bytes)
    try:
        queue.run_worker(
            "server",
            tasks.app,
            on_shutdown=runner.shutdown.set,
            is_able=lambda: all(reconciler.is_alive() for reconciler in reconcilers),
        )
    finally:
        for reconciler in reconcilers:
            reconciler.close()
