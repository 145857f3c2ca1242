"""What every released version left on the volume is read by this one: restored, listed, retrieved, downloaded."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from standins import BASE, Sent, serving

from scriptorium.access.exposure import open_key_store
from scriptorium.access.keys import KeyState
from scriptorium.artifacts import manifest
from scriptorium.artifacts.file_store import FileStore
from scriptorium.artifacts.volume import Volume
from scriptorium.contracts import Phase, Status
from scriptorium.jobs.pipeline import TABLE, Pipeline
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, claim
from services.api.application import create_app, reap_once
from services.api.inference.warm_models import restore_warm_models
from services.trainer.run.resume import resume_training
from tests.released.make_volume import ANSWERS, FOLDER, QUESTION, ask_api

VOLUMES = sorted(FOLDER.glob("volume-*.tar.xz"))
MOVING = ("validating_files", "queued", "running")
Answers = dict[str, Any]


def includes(new: Any, old: Any) -> bool:
    """Return whether an answer says all that an older one said; there may be more in it."""
    if isinstance(old, dict):
        return isinstance(new, dict) and all(key in new and includes(new[key], value) for key, value in old.items())
    if isinstance(old, list):
        return isinstance(new, list) and len(new) == len(old) and all(map(includes, new, old))
    return bool(new == old)


@pytest.fixture(params=VOLUMES, ids=lambda path: path.name.removesuffix(".tar.xz"))
def released(request: pytest.FixtureRequest, context: Context, tmp_path: Path, sent: Sent) -> tuple[Context, Answers]:
    """Restore the volume of a released version into an empty store; return it, and what that version answered."""
    folder = tmp_path / "released"
    with tarfile.open(request.param) as archive:
        archive.extractall(folder, filter="data")
    answers: Answers = json.loads((folder / ANSWERS).read_text())
    settings = context.settings.model_copy(update={"data_dir": folder / "data", "models_dir": None})
    volume = Volume(settings.data_dir, settings.models)
    restored = Context(settings, context.store, volume, Pipeline(context.store, volume, send=sent))
    assert set(restore_jobs(restored)) == set(answers["jobs"])
    return restored, answers


@pytest.fixture
def browser(released: tuple[Context, Answers], sent: Sent) -> Iterator[httpx.Client]:
    """Yield a client of the API on the restored volume, with a key of that version."""
    context, answers = released
    headers = {"Authorization": f"Bearer {answers['key']}"}
    app = create_app(context, reaping=False, count_waiting=sent.waiting)
    with serving(app) as address, httpx.Client(base_url=address, headers=headers) as client:
        yield client


def test_there_is_a_volume_of_a_released_version() -> None:
    assert [path.name for path in VOLUMES][:1] == ["volume-0.1.0.tar.xz"]


def test_jobs_checkpoints_files_and_models_are_what_they_were(released: tuple[Context, Answers]) -> None:
    context, old = released
    new = ask_api(context, old["key"])
    assert {Status(job["status"]) for job in old["jobs"].values()} == set(Status)
    del old["jobs"]["ftjob-running"]["scriptorium"]["progress"]  # the numbers of the moment go with Redis
    for kind in ("jobs", "checkpoints", "files", "models"):
        changed = [name for name, answer in old[kind].items() if not includes(new[kind].get(name), answer)]
        assert changed == [], kind
    for job_id, events in old["events"].items():
        assert includes(new["events"][job_id][1:], events), "the newest event is that of the restore"


def test_every_file_is_downloaded_as_it_was_written(released: tuple[Context, Answers], browser: httpx.Client) -> None:
    context, old = released
    results = {file for job in old["jobs"].values() for file in job["result_files"]}
    assert len(results) > 5
    files = FileStore(context.volume.files)
    for file_id in {*old["files"], *results}:
        content = browser.get(f"/v1/files/{file_id}/content").raise_for_status().content
        assert hashlib.sha256(content).hexdigest() == files.get(file_id).sha256


def test_a_key_opens_and_one_that_was_revoked_stays_so(
    released: tuple[Context, Answers], browser: httpx.Client
) -> None:
    assert browser.get("/v1/models").status_code == 200
    assert browser.get("/v1/models", headers={"Authorization": "Bearer none"}).status_code == 401
    keys = open_key_store(released[0].settings).newest()
    assert {key.name: key.state for key in keys} == {"ann": KeyState.ACTIVE, "bob": KeyState.REVOKED}


def test_unfinished_jobs_go_on_from_what_was_published(released: tuple[Context, Answers], sent: Sent) -> None:
    context, old = released
    reap_once(context, sent.waiting)
    moving = [context.store.jobs.get(job_id) for job_id, job in old["jobs"].items() if job["status"] in MOVING]
    assert sorted(sent.messages) == sorted((TABLE[job.phase].task, job.id) for job in moving)
    for job in moving:
        assert claim(context, job.id, job.phase) is not None
        assert REQUEST_MAKERS[job.phase](job, RequestContext(context.settings, context.volume))
    context.pipeline.answer("ftjob-asking", QUESTION.kind, "last")
    assert sent.messages[-1] == (TABLE[Phase.MERGE].task, "ftjob-asking")


def test_a_training_is_resumed_from_its_checkpoint(released: tuple[Context, Answers]) -> None:
    context, _ = released
    folder = context.volume.attempt("ftjob-running", Phase.TRAIN, 2)
    resume_training(context.volume.earlier_attempts("ftjob-running", Phase.TRAIN, 2), folder)
    (checkpoint,) = (folder / "checkpoints").iterdir()
    assert manifest.is_complete(checkpoint)


def test_what_was_kept_warm_is_wished_for_again(released: tuple[Context, Answers]) -> None:
    context, old = released
    names = [name for name in old["models"] if name != BASE and ":ckpt" not in name]
    assert restore_warm_models(context) == names
    assert [wish.model.name for wish in context.store.wishes.all() if wish.pinned] == names
