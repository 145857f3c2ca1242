"""A job's request sent again: as it was, with changes, twice, and from a job that was cloned itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from standins import BASE, Sent, serving

from scriptorium.artifacts.disk_use import free_bytes
from scriptorium.artifacts.file_store import FileStore
from scriptorium.jobs.queue import PREPARE
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context
from scriptorium.jobs.steering import cancel_job
from services.api.application import create_app

FIELDS: dict[str, Any] = {
    "suffix": "poe", "seed": 7, "metadata": {"series": "one"},
    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2}}},
}  # fmt: skip
EXTRAS = {"recipe": "lora", "overrides": {"training": {"lora_r": 8}}, "priority": 2, "strength": 0.5}


@pytest.fixture
def first(client: openai.OpenAI, book: str) -> str:
    """Return a job that was created with many values."""
    return client.fine_tuning.jobs.create(model=BASE, training_file=book, **FIELDS, extra_body=EXTRAS).id


def send(http: httpx.Client, path: str, body: Any = None, **headers: str) -> dict[str, Any]:
    answer = http.post(f"/v1/x/jobs/{path}", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    return job


def test_a_rerun_twice_makes_two_jobs_with_the_same_request(
    http: httpx.Client, context: Context, first: str, sent: Sent
) -> None:
    cancel_job(context.pipeline, first)
    with ThreadPoolExecutor(4) as pool:
        jobs = list(pool.map(lambda _: send(http, f"{first}/rerun"), range(2)))
    assert len({first, *(job["id"] for job in jobs)}) == 3
    assert sent.messages[-2:] != []
    assert {job_id for task, job_id in sent.messages if task == PREPARE} == {first, *(job["id"] for job in jobs)}
    source = context.store.jobs.get(first)
    for job in jobs:
        assert (job["status"], job["scriptorium"]["cloned_from"]) == ("validating_files", first)
        again = context.store.jobs.get(job["id"])
        for name in ("model", "training_file", "suffix", "seed", "metadata", "recipe", "hyperparameters", "strength"):
            assert getattr(again, name) == getattr(source, name), name
    assert source.cloned_from is None


def test_a_clone_changes_what_is_named_and_a_clone_of_it_keeps_that(
    http: httpx.Client, context: Context, first: str
) -> None:
    changes = {"suffix": "poe-5", "overrides": {"training": {"lora_alpha": 64}}, "metadata": None, "priority": 0}
    second = send(http, f"{first}/clone", changes)
    third = send(http, f"{second['id']}/clone", {"seed": 9})
    assert third["scriptorium"]["cloned_from"] == second["id"]
    record = context.store.jobs.get(third["id"])
    assert (record.suffix, record.seed, record.metadata, record.priority) == ("poe-5", 9, {}, 0)
    assert (record.recipe.name, record.recipe.training.lora_r, record.recipe.training.lora_alpha) == ("lora", 8, 64)
    assert (record.hyperparameters.n_epochs, record.strength) == (2, 0.5)
    other = send(http, f"{first}/clone", {"recipe": "cpu", "hyperparameters": {"batch_size": 4}})
    record = context.store.jobs.get(other["id"])
    assert (record.recipe.name, record.hyperparameters.n_epochs, record.hyperparameters.batch_size) == (
        "cpu",
        "auto",
        4,
    )


def test_a_key_makes_a_repeated_call_one_job_and_names_no_other_request(http: httpx.Client, first: str) -> None:
    key = {"Idempotency-Key": "k"}
    jobs = [send(http, f"{first}/rerun", **key)["id"] for _ in range(2)]
    assert jobs[0] == jobs[1] != first
    for path, body in ((f"{first}/clone", {"seed": 1}), (f"{jobs[0]}/rerun", None)):
        answer = http.post(f"/v1/x/jobs/{path}", json=body, headers=key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict"), path


def test_every_problem_of_a_change_is_told_as_a_new_request_is(http: httpx.Client, first: str) -> None:
    body = {"suffix": "no\ttabs", "seed": -1, "recipe": "loar", "typo": 1}
    error = http.post(f"/v1/x/jobs/{first}/clone", json=body).json()["error"]
    assert error["message"].startswith("The request has 4 problem(s).")
    for changes, code in [
        ({"overrides": {"training": {"num_epoch": 5}}}, "invalid_recipe"),
        ({"model": "nobody"}, "model_not_found"),
        ({"training_file": "file-" + "0" * 24}, "file_not_found"),
        ([], "invalid_request"),
    ]:
        answer = http.post(f"/v1/x/jobs/{first}/clone", json=changes)
        assert answer.json()["error"]["code"] == code, answer.text
    for path in ("rerun", "clone"):
        answer = http.post(f"/v1/x/jobs/ftjob-none/{path}", json={})
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


def test_a_job_whose_manuscript_is_gone_is_not_run_again(http: httpx.Client, context: Context, first: str) -> None:
    cancel_job(context.pipeline, first)
    FileStore(context.volume.files).delete(context.store.jobs.get(first).training_file)
    error = http.post(f"/v1/x/jobs/{first}/rerun").json()["error"]
    assert (error["code"], error["param"]) == ("file_not_found", "training_file")
    assert context.store.jobs.index.ids() == [first]


def test_where_a_job_came_from_is_restored(http: httpx.Client, context: Context, first: str) -> None:
    second = send(http, f"{first}/rerun")["id"]
    context.store.client.flushdb()
    assert set(restore_jobs(context)) == {first, second}
    assert http.get(f"/v1/fine_tuning/jobs/{second}").json()["scriptorium"]["cloned_from"] == first


def test_a_full_disk_takes_no_new_job(context: Context, first: str, sent: Sent) -> None:
    settings = context.settings.model_copy(update={"min_free_bytes": 2 * free_bytes(context.volume.root)})
    full = Context(settings, context.store, context.volume, context.pipeline)
    with serving(create_app(full, reaping=False, count_waiting=sent.waiting)) as url:
        for path in ("rerun", "clone"):
            answer = httpx.post(f"{url}/v1/x/jobs/{first}/{path}", json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (507, "disk_low")
