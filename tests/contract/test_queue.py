"""Tasks, queues and workers fit together by name."""

import importlib

import pytest
from celery.exceptions import QueueNotFound

from scriptorium.artifacts.volume import FOLDERS
from scriptorium.contracts import Phase
from scriptorium.jobs import queue
from scriptorium.jobs.pipeline import TABLE
from scriptorium.jobs.requests import REQUEST_MAKERS


def test_every_phase_is_in_every_table() -> None:
    assert list(TABLE) == list(REQUEST_MAKERS) == list(FOLDERS) == list(Phase)
    assert [step.next_phase for step in TABLE.values()] == [*list(Phase)[1:], None]


def test_every_task_is_registered_by_the_service_of_its_queue() -> None:
    for task, service in queue.QUEUES.items():
        importlib.import_module(f"services.{service}.tasks")
        assert task in queue.app().tasks
        assert queue.app().conf.task_routes[task] == {"queue": service}


def test_a_queue_that_nobody_declared_is_refused() -> None:
    assert queue.app().conf.task_create_missing_queues is False
    with pytest.raises(QueueNotFound):
        queue.app().send_task("scriptorium.prepare", args=["x"], queue="trainr")


def test_nothing_is_prefetched_and_everything_is_acknowledged_early() -> None:
    conf = queue.app().conf
    assert conf.worker_disable_prefetch is True
    assert conf.task_acks_late is False
    assert conf.broker_transport_options["visibility_timeout"] == 24 * 3600
