"""A user's words on a job: set, changed by several at once, while the job ends, filtered by, and restored."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from work import prepare, submit

from scriptorium.contracts import Job, Phase, Status
from scriptorium.jobs.restore import restore_jobs
from scriptorium.jobs.runner import Context, run_phase
from scriptorium.jobs.steering import cancel_job


def tags_of(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    tags: list[str] = answer.json()["scriptorium"]["tags"]
    return tags


def listed(http: httpx.Client, query: str) -> list[str]:
    return [job["id"] for job in http.get(f"/v1/fine_tuning/jobs?{query}").json()["data"]]


def test_tags_are_set_added_to_and_removed(http: httpx.Client, job: Job) -> None:
    path = f"/v1/x/jobs/{job.id}/tags"
    assert tags_of(http.put(path, json={"tags": [" draft ", "second book", "draft"]})) == ["draft", "second book"]
    assert tags_of(http.post(path, json={"add": ["best", "draft"], "remove": ["second book", "no such"]})) == [
        "draft", "best",
    ]  # fmt: skip
    assert tags_of(http.post(path, json={})) == ["draft", "best"]
    assert tags_of(http.put(path, json={"tags": []})) == []
    assert tags_of(http.get(f"/v1/fine_tuning/jobs/{job.id}")) == []


@pytest.mark.parametrize(
    ("method", "body", "param"),
    [
        ("PUT", {"tags": ["", "a\nb", "x" * 65]}, "tags.0"),
        ("PUT", {"tags": [str(number) for number in range(17)]}, "tags"),
        ("PUT", {}, "tags"),
        ("PUT", {"tags": ["a"], "typo": 1}, "typo"),
        ("POST", {"add": [str(number) for number in range(16)]}, "add"),
        ("POST", {"remove": [5]}, "remove.0"),
    ],
)
def test_what_is_no_tag_is_refused_and_changes_nothing(
    http: httpx.Client, job: Job, method: str, body: dict[str, Any], param: str
) -> None:
    path = f"/v1/x/jobs/{job.id}/tags"
    http.put(path, json={"tags": ["here"]})
    answer = http.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]["code"], answer.json()["error"]["param"]) == (
        400, "invalid_request", param,
    )  # fmt: skip
    assert tags_of(http.get(f"/v1/fine_tuning/jobs/{job.id}")) == ["here"]
    missing = http.request(method, "/v1/x/jobs/ftjob-none/tags", json={"tags": []} if method == "PUT" else {})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "job_not_found")


def test_what_several_add_at_once_is_all_there(http: httpx.Client, job: Job) -> None:
    path = f"/v1/x/jobs/{job.id}/tags"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: tags_of(http.post(path, json={"add": [f"tag {number}"]})), range(8)))
    assert set(tags_of(http.post(path, json={}))) == {f"tag {number}" for number in range(8)}


def test_a_tag_that_comes_while_the_phase_publishes_or_the_job_ends_stays(
    http: httpx.Client, context: Context, job: Job
) -> None:
    path = f"/v1/x/jobs/{job.id}/tags"

    def work(request: Any, folder: Any, reporter: Any) -> Any:
        assert tags_of(http.post(path, json={"add": ["during"]})) == ["during"]
        return prepare(request, folder, reporter)

    run_phase(job.id, Phase.PREPARE, work, context=context)
    assert context.store.jobs.get(job.id).phase is Phase.TRAIN
    with ThreadPoolExecutor(2) as pool:
        tagging = pool.submit(http.post, path, json={"add": ["at the end"]})
        cancelling = pool.submit(cancel_job, context.pipeline, job.id)
        assert tags_of(tagging.result()) == ["during", "at the end"]
        cancelling.result()
    assert tags_of(http.post(path, json={"add": ["after"]})) == ["during", "at the end", "after"]
    assert context.store.jobs.get(job.id).status is Status.CANCELLED
    assert context.store.jobs.index.counts().statuses == {"cancelled": 1}
    context.store.client.flushdb()
    restore_jobs(context)
    assert tags_of(http.get(f"/v1/fine_tuning/jobs/{job.id}")) == ["during", "at the end", "after"]


def test_jobs_are_listed_by_their_tags_and_the_pages_go_on_behind_one_that_lost_its_tag(
    http: httpx.Client, context: Context
) -> None:
    for number in range(6):
        submit(context, f"ftjob-{number}")
        context.store.client.zadd("scriptorium:jobs", {f"ftjob-{number}": number})
        http.put(f"/v1/x/jobs/ftjob-{number}/tags", json={"tags": ["all", "even" if number % 2 == 0 else "Été"]})
    assert listed(http, "tag=even") == ["ftjob-4", "ftjob-2", "ftjob-0"]
    assert listed(http, "tag=E%CC%81te%CC%81&tag=all") == ["ftjob-5", "ftjob-3", "ftjob-1"]  # decomposed, as on a Mac
    assert listed(http, "tag=even&tag=Été") == listed(http, "tag=Even") == []
    assert listed(http, "tag=even&limit=1") == ["ftjob-4"]
    strange = 'the "best" \\ one'
    http.post("/v1/x/jobs/ftjob-1/tags", json={"add": [strange]})
    assert listed(http, f"tag={quote(strange)}") == ["ftjob-1"]
    assert listed(http, "tag=ftjob-3") == listed(http, "metadata[all]=even") == []  # strings of records, but no tags
    http.put("/v1/x/jobs/ftjob-4/tags", json={"tags": []})
    assert listed(http, "tag=even&limit=1&after=ftjob-4") == ["ftjob-2"]
