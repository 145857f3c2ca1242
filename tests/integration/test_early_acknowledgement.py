"""A real worker on a real broker: what Redis holds while a task runs."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until

STARTING_TIME = timedelta(seconds=60)
UNACKED = "unacked"  # kombu's hash of messages that were delivered and not acknowledged
WORKER = """
import sys, time
from pathlib import Path
from scriptorium.jobs import queue

app = queue.app()

@app.task(name=queue.PREPARE)
def work(job_id):
    Path(sys.argv[1], job_id).touch()
    time.sleep(0.1 if job_id == "ftjob-quick" else 60)

for job_id in ("ftjob-quick", "ftjob-long", "ftjob-next"):
    queue.send(queue.PREPARE, job_id)
queue.run_worker("data", app, on_shutdown=lambda: None)
"""


def test_a_message_is_acknowledged_before_its_task_runs_and_the_next_stays_in_the_queue(
    context: Context, redis_url: str, tmp_path: Path
) -> None:
    client = context.store.client
    line = [sys.executable, "-c", WORKER, str(tmp_path)]
    environment = {**os.environ, "SCRIPTORIUM_REDIS_URL": redis_url, "SCRIPTORIUM_DATA_DIR": str(tmp_path / "data")}
    with subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
        try:
            assert wait_until((tmp_path / "ftjob-long").exists, STARTING_TIME)
            assert (tmp_path / "ftjob-quick").exists()
            assert client.hlen(UNACKED) == 0
            assert client.llen("data") == 1
        finally:
            worker.kill()
