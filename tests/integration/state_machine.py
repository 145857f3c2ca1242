"""What the state machines of the core share: a real store and volume that begin empty, and how a machine is run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test
from standins import Sent

from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Job
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context
from scriptorium.settings import Settings
from scriptorium.store import open_store

STEPS = 50
EXAMPLES = os.environ.get("SCRIPTORIUM_MODEL_EXAMPLES")  # now: no test sees our variables


class StoreMachine(RuleBasedStateMachine):
    """A state machine with a store and a volume of its own; `options` are settings that differ from the defaults."""

    redis_url: ClassVar[str]
    options: ClassVar[dict[str, object]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        options = Settings.model_validate(
            {"data_dir": root / "data", "models_dir": root / "models", "redis_url": self.redis_url, **self.options}
        )
        store, volume = open_store(self.redis_url), Volume(options.data_dir, options.models)
        store.client.flushdb()
        self.sent = Sent()
        self.context = Context(options, store, volume, Pipeline(store, volume, send=self.sent))

    def close(self) -> None:
        """Close the store, and remove the volume."""
        self.context.store.client.close()
        self.folder.cleanup()

    def job(self, job_id: str) -> Job:
        return self.context.store.jobs.get(job_id)


def run_machine(machine: type[StoreMachine], redis_url: str, examples: int) -> None:
    """Run a machine `examples` times, or EXAMPLES times, STEPS steps each."""
    machine.redis_url = redis_url
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=int(EXAMPLES or examples),
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
