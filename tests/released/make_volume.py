"""Write what this version leaves on the volume and in the queue: `python -m tests.released.make_volume`.

Run once before a release, and commit the result; tests/integration/test_released_layouts.py reads every one that is
there. `volume-<version>.tar.xz` has the data folder, and what the API answered about it in `answers.json`: a job in
each status, uploads, keys, a dataset, adapters and a model. `messages-<version>.json` has a message of each task.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
import tempfile
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from scriptorium import __version__
from scriptorium.access.exposure import open_key_store
from scriptorium.access.keys import KeyScope
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.uploads.upload_store import UploadStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Endpoint, Phase, ServeResult
from scriptorium.errors import Interrupted, InvalidTrainingFile
from scriptorium.jobs import queue
from scriptorium.jobs.archive.archiving import archive_ended
from scriptorium.jobs.pipeline import Pipeline
from scriptorium.jobs.runner import Context, PhaseSteps, claim, run_attempt
from scriptorium.jobs.steering import pause_job
from scriptorium.settings import Settings
from scriptorium.store import open_store
from services.api.application import create_app
from services.api.inference.warm_models import keep_model_warm
from services.data import tasks as data
from services.evaluator import tasks as evaluator
from services.merger import tasks as merger
from services.trainer import tasks as trainer
from tests.embedded_redis import embedded_redis
from tests.integration.standins import BASE, Sent
from tests.integration.work import QUESTION, submit
from tests.soak import played_phases as played

FOLDER = Path(__file__).parent
ANSWERS = "answers.json"
IN_CONTAINERS = "/data"  # where the volume lies for whoever reads a path in it
MESSAGE_JOB = "ftjob-earlier"
JOBS = "/v1/fine_tuning/jobs"
ENGINE = Endpoint(url="http://127.0.0.1:9", model="any")


def serve(*_: object) -> ServeResult:
    """Say that both models are served."""
    return ServeResult(base=ENGINE, tuned=ENGINE, seconds=1.0, canary="Ishmael.")


def refuse(*_: object) -> None:
    """Fail as preparing does."""
    raise InvalidTrainingFile("There is no story in it.", param="training_file")


def train_and_stop(*arguments: Any) -> None:
    """Save a checkpoint, and shut down."""
    played.train_adapter(*arguments)
    raise Interrupted("the worker is shutting down")


STEPS = {
    Phase.PREPARE: PhaseSteps(played.prepare_manuscript, record_updates=data.record_updates),
    Phase.TRAIN: PhaseSteps(played.train_adapter, record_updates=trainer.record_updates),
    Phase.CALIBRATE: PhaseSteps(played.calibrate_voice),
    Phase.MERGE: PhaseSteps(played.merge_adapter, record_updates=merger.record_updates),
    Phase.SERVE: PhaseSteps(serve),
    Phase.EVALUATE: PhaseSteps(
        partial(played.evaluate_voice, locate=lambda endpoint: endpoint.url), record_updates=evaluator.record_updates
    ),
}


def main() -> None:
    """Write both files."""
    played.WEIGHTS_BYTES = 100
    with embedded_redis() as url, tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder) / "data", redis_url=url, device="cpu", machine="main")
        queue.app().conf.broker_url = settings.broker_url
        store, volume = open_store(url), Volume(settings.data_dir, settings.models)
        context = Context(settings, store, volume, Pipeline(store, volume, send=Sent()))
        secret = fill(context)
        answers = {"key": secret, **ask_api(context, secret)}
        pack(volume.root, answers, FOLDER / f"volume-{__version__}.tar.xz")
        messages = {task: make_message(context, task) for task in queue.QUEUES}
        (FOLDER / f"messages-{__version__}.json").write_text(json.dumps(messages, indent=1) + "\n")


def fill(context: Context) -> str:
    """Fill the volume; return the secret of a key."""
    base = context.volume.models / BASE
    base.mkdir(parents=True)
    (base / "config.json").write_text(json.dumps({"model_type": "llama"}))
    submit(context, "ftjob-validating")
    submit(context, "ftjob-cancelled")
    context.pipeline.cancel("ftjob-cancelled")
    work(context, "ftjob-failed", [], PhaseSteps(refuse))
    work(context, "ftjob-queued", [Phase.PREPARE])
    work(context, "ftjob-paused", [Phase.PREPARE])
    pause_job(context.pipeline, "ftjob-paused")
    work(context, "ftjob-running", [Phase.PREPARE], PhaseSteps(train_and_stop))
    work(context, "ftjob-asking", [Phase.PREPARE, Phase.TRAIN, Phase.CALIBRATE])
    lease = claim(context, "ftjob-asking", Phase.MERGE)
    context.pipeline.ask("ftjob-asking", Phase.MERGE, lease.token if lease else 0, QUESTION)
    work(context, "ftjob-succeeded", list(Phase))
    archive_ended(context, timedelta(0))
    keep_model_warm(context, str(context.store.jobs.get("ftjob-succeeded").fine_tuned_model))
    files = FileStore(context.volume.files)
    files.add(io.BytesIO(b"Call me Ishmael."), "whale.txt", "user_data", expires_after=10**9)
    UploadStore(context.volume.uploads, files).create(10, "long.txt", "fine-tune")
    keys = open_key_store(context.settings)
    keys.revoke(keys.create("bob", [KeyScope.READ])[0].id)
    return keys.create("ann", [KeyScope.ADMIN])[1]


def work(context: Context, job_id: str, phases: list[Phase], last: PhaseSteps | None = None) -> None:
    """Submit a job and do some of its phases, then a last one that goes otherwise."""
    submit(context, job_id)
    for phase in phases:
        run_attempt(context, job_id, phase, STEPS[phase])
    if last:
        run_attempt(context, job_id, context.store.jobs.get(job_id).phase, last)


def ask_api(context: Context, secret: str) -> dict[str, Any]:
    """Return what the API answers about jobs, files and models to whoever has a key."""
    app = create_app(context, reaping=False, count_waiting=lambda task: 0)
    with TestClient(app, headers={"Authorization": f"Bearer {secret}"}) as http:
        jobs = http.get(f"{JOBS}?limit=100").raise_for_status().json()["data"]
        return {
            "jobs": {job["id"]: job for job in jobs},
            "checkpoints": {job["id"]: http.get(f"{JOBS}/{job['id']}/checkpoints").json()["data"] for job in jobs},
            "events": {
                job["id"]: http.get(f"{JOBS}/{job['id']}/events?limit=100").json()["data"]
                for job in jobs
                if job["finished_at"]
            },
            "files": {file["id"]: file for file in http.get("/v1/files").raise_for_status().json()["data"]},
            "models": {model["id"]: model for model in http.get("/v1/models").raise_for_status().json()["data"]},
        }


def pack(root: Path, answers: dict[str, Any], target: Path) -> None:
    """Pack a data folder and the answers; paths in its manifests become those of containers."""
    for path in root.glob("runs/*/*/manifest.json"):
        path.write_text(path.read_text().replace(str(root), IN_CONTAINERS))
    leaks = [path for path in root.rglob("*") if path.is_file() and str(root).encode() in path.read_bytes()]
    if leaks:
        sys.exit(f"these files have a path of this machine: {leaks}")
    (root.parent / ANSWERS).write_text(json.dumps(answers, indent=1))
    with tarfile.open(target, "w:xz") as archive:
        for name in (ANSWERS, root.name):
            archive.add(root.parent / name, name, filter=forget_owner)


def forget_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Return an entry without the user who made it."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


def make_message(context: Context, task: str) -> dict[str, Any]:
    """Return a message of a task as Redis holds it, without the name of this machine."""
    queue.send(task, MESSAGE_JOB)
    raw = str(context.store.client.lpop(queue.QUEUES[task]))
    message: dict[str, Any] = json.loads(raw)
    message["headers"]["origin"] = "gen1@main"
    return message


if __name__ == "__main__":
    main()
