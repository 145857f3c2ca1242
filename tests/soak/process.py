"""One process of the stack: `python -m tests.soak.process trainer` is the real worker, but its phase is played.

The intervals that no setting names are shortened here, so that what a day removes is removed in the minutes of a soak.
"""

from __future__ import annotations

import runpy
import sys
from datetime import timedelta
from functools import lru_cache, partial
from importlib import import_module

from scriptorium.artifacts.uploads import upload_store
from scriptorium.contracts import Job
from scriptorium.jobs import devices, leftovers, sweep
from scriptorium.jobs.archive.archiving import archive_ended
from scriptorium.store import job_records, jobs
from tests.soak import played_phases

MOMENT = timedelta(seconds=5)
UPLOAD_SECONDS = 10  # on a busy machine an upload takes a few
POLL_INTERVAL = 0.05  # seconds
PARSED_RECORDS = 200  # so that the cache of records is full before anything is measured
WORK = {
    "data": ["prepare_manuscript"],
    "trainer": ["train_adapter"],
    "merger": ["merge_adapter"],
    "server": ["serve_model"],
    "evaluator": ["calibrate_voice", "evaluate_voice"],
}


def main(name: str) -> None:
    """Run the process of a service until it is stopped."""
    shorten_intervals()
    if name == "api":
        shorten_api_intervals()
    else:
        play_phases(name)
    runpy.run_module(f"services.{name}.worker", run_name="__main__")


def shorten_intervals() -> None:
    """Shorten what every process waits for."""
    devices.POLL_INTERVAL = POLL_INTERVAL
    parse = lru_cache(maxsize=PARSED_RECORDS)(Job.model_validate_json)
    job_records.parse_record = jobs.parse_record = parse


def shorten_api_intervals() -> None:
    """Shorten how long the API remembers and keeps things."""
    application = import_module("services.api.application")
    application.ARCHIVE_INTERVAL = 1.0
    application.REPAIR_INTERVAL = 10.0
    application.archive_ended = partial(archive_ended, settling_time=timedelta(seconds=2))
    sweep.DELETION_MEMORY = leftovers.LOG_AGE = leftovers.ORPHAN_AGE = MOMENT
    upload_store.LIFETIME = UPLOAD_SECONDS
    import_module("services.api.inference.await_engine").POLL_INTERVAL = POLL_INTERVAL


def play_phases(name: str) -> None:
    """Replace the work of a worker's phases, and the server's engines."""
    tasks = import_module(f"services.{name}.tasks")
    for work in WORK[name]:
        if not hasattr(tasks, work):
            raise AttributeError(f"services.{name}.tasks has no {work}")
        setattr(tasks, work, getattr(played_phases, work))
    if name == "server":
        import_module("services.server.engine").VllmEngine = played_phases.PlayedEngine
        import_module("services.server.serve").POLL_INTERVAL = POLL_INTERVAL
        import_module("services.server.reconcile").POLL_INTERVAL = POLL_INTERVAL
        import_module("services.server.engine_set").MIN_TURN = 0.5


if __name__ == "__main__":
    main(sys.argv[1])
