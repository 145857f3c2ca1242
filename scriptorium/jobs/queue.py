"""The Celery app and `send()`: the only import of celery. A message is a hint that carries a job's id and nothing else.

Messages are acknowledged before their task runs and never prefetched: recovery is up to leases and the reaper, not to
the broker.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from celery import Celery
from celery.signals import worker_ready, worker_shutting_down
from kombu import Queue
from kombu.exceptions import OperationalError

from scriptorium.errors import StoreUnavailable
from scriptorium.process.liveness import report_liveness
from scriptorium.process.log_records import log_one_line_each
from scriptorium.process.tool_environment import opt_out_of_telemetry
from scriptorium.settings import get_settings

PREPARE = "scriptorium.prepare"
TRAIN = "scriptorium.train"
CALIBRATE = "scriptorium.calibrate"
MERGE = "scriptorium.merge"
SERVE = "scriptorium.serve"
EVALUATE = "scriptorium.evaluate"
VARIANTS = "scriptorium.variants"

QUEUES = {
    PREPARE: "data",
    TRAIN: "trainer",
    CALIBRATE: "evaluator",
    MERGE: "merger",
    SERVE: "server",
    EVALUATE: "evaluator",
    VARIANTS: "merger",
}

VISIBILITY_TIMEOUT = 24 * 3600  # seconds


@lru_cache(maxsize=1)
def app() -> Celery:
    """Return this process's Celery app."""
    celery = Celery("scriptorium", broker=get_settings().broker_url)
    celery.conf.update(
        task_queues=[Queue(name) for name in dict.fromkeys(QUEUES.values())],
        task_routes={task: {"queue": queue} for task, queue in QUEUES.items()},
        task_create_missing_queues=False,
        task_ignore_result=True,
        task_acks_late=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_send_task_events=True,
        task_send_sent_event=True,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT,
            "socket_timeout": 10,
            "health_check_interval": 30,
        },
    )
    return celery


def send(task: str, job_id: str) -> None:
    """Send a task by name to its queue. Raises StoreUnavailable; the reaper then sends the task later."""
    try:
        app().send_task(task, args=[job_id], queue=QUEUES[task])
    except OperationalError as error:
        raise StoreUnavailable("The queue (Redis) does not answer; the job continues when it does.") from error


def count_waiting(task: str) -> int:
    """Return the number of messages in a task's queue."""
    with app().connection_for_read() as connection:
        channel: Any = connection.default_channel
        try:
            return int(channel.queue_declare(queue=QUEUES[task], passive=True).message_count)
        except connection.channel_errors:  # Redis has no list for an empty queue
            return 0


def broker_answers() -> bool:
    """Return whether the broker answers."""
    try:
        with app().connection_for_read() as connection:
            connection.ensure_connection(max_retries=1, timeout=5)
            return True
    except OperationalError:  # kombu's error for a Redis that is down, loading or refusing
        return False


def early_consumer() -> type[Any]:
    """Return Celery's consumer, but it acknowledges a message before its task runs.

    Celery leaves that to its event loop, which the solo pool blocks until the task has ended: `task_acks_late=False`
    alone acknowledges late.
    """
    from celery.worker.consumer import Consumer  # only a worker's process pays for this import

    class EarlyConsumer(Consumer):
        def call_soon_ack(self, acknowledge: Callable[..., object], *args: object, **kwargs: object) -> None:
            acknowledge(*args, **kwargs)

    return EarlyConsumer


def run_worker(
    queue: str, celery: Celery, on_shutdown: Callable[[], None], is_able: Callable[[], bool] = lambda: True
) -> None:
    """Run a worker for one queue in this process until it is asked to stop; `on_shutdown` is called then.

    The worker counts as alive while the broker answers and it `is_able` to work.
    """
    log_one_line_each()
    opt_out_of_telemetry()
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every health check of an engine
    celery.conf.worker_consumer = early_consumer()
    worker_shutting_down.connect(lambda **_: on_shutdown(), weak=False)
    if path := get_settings().alive_file:
        worker_ready.connect(
            lambda **_: report_liveness(path, is_able=lambda: broker_answers() and is_able()), weak=False
        )
    celery.worker_main(
        [
            "worker",
            f"--queues={queue}",
            f"--hostname={queue}@%h",
            "--pool=solo",
            "--without-mingle",  # workers of different queues have nothing to exchange
            "--without-gossip",
            "--loglevel=INFO",
        ]
    )
