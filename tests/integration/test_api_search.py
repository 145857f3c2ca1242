"""Search over jobs and files: newest first, by pages, also while jobs come and go."""

from __future__ import annotations

import io
import threading
import time
from typing import Any

import httpx
import pytest
from standins import BASE
from work import submit

from scriptorium.artifacts.file_store import RESULT, FileStore
from scriptorium.contracts import Hyperparameters, Job
from scriptorium.identifiers import JOB_PREFIX, make_id
from scriptorium.jobs.runner import Context
from scriptorium.recipe import Recipe


def ids(http: httpx.Client, query: str, **parameters: Any) -> list[str]:
    answer = http.get("/v1/x/search", params={"q": query, **parameters})
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.json()["data"]]


def add_file(context: Context, name: str, purpose: str = "fine-tune") -> str:
    return FileStore(context.volume.files).add(io.BytesIO(b"x"), name, purpose).id


def add_job(context: Context, **fields: Any) -> Job:
    now = time.time()
    values = {"training_file": "file-none", "recipe": Recipe(name="r"), "hyperparameters": Hyperparameters()} | fields
    job_id = make_id(JOB_PREFIX, now)
    return context.pipeline.submit(Job(id=job_id, created_at=int(now), submitted_at=now, model=BASE, **values))


def test_jobs_and_files_are_found_newest_first_by_words(http: httpx.Client, context: Context) -> None:
    raven = add_file(context, "The Raven.txt")
    first = add_job(context, training_file=raven, tags=["gothic"]).id
    usher = add_file(context, "usher, the fall.epub")
    second = add_job(context, suffix="Raven no. 2", metadata={"editor": "Zoë"}).id
    add_file(context, f"{second}-report.html", RESULT)
    assert ids(http, "raven") == [second, first, raven]
    assert ids(http, "RAVEN gothic") == [first]
    assert ids(http, "zoe") == ids(http, second) == [second]
    assert ids(http, "fall usher") == [usher]
    assert ids(http, "nevermore raven") == []
    answer = http.get("/v1/x/search?q=raven").json()
    assert [item["object"] for item in answer["data"]] == ["fine_tuning.job", "fine_tuning.job", "file"]
    assert answer["has_more"] is False


def test_pages_go_on_behind_a_job_a_file_and_what_was_deleted(http: httpx.Client, context: Context) -> None:
    items = []
    for number in range(4):
        items += [add_file(context, f"poe {number}.txt"), add_job(context, suffix=f"poe {number}").id]
    items = items[::-1]
    assert ids(http, "poe", limit=3) == items[:3]
    for place in range(len(items)):
        assert ids(http, "poe", limit=3, after=items[place]) == items[place + 1 : place + 4]
    FileStore(context.volume.files).delete(items[3])
    context.store.client.delete(f"scriptorium:job:{items[4]}")
    assert ids(http, "poe") == [*items[:3], *items[5:]]
    assert ids(http, "poe", after=items[3]) == ids(http, "poe", after=items[4]) == items[5:]
    paged, after = list[str](), {}
    while page := http.get("/v1/x/search", params={"q": "poe", "limit": 2, **after}).json():
        paged += [item["id"] for item in page["data"]]
        after = {"after": page["last_id"]}
        if not page["has_more"]:
            break
    assert paged == [*items[:3], *items[5:]]


@pytest.mark.parametrize(
    ("query", "param"), [("q=%20", "q"), ("", "q"), ("q=a&limit=0", "limit"), ("q=a&after=ftjob-none", "after")]
)
def test_a_search_that_cannot_be_made_is_refused(http: httpx.Client, query: str, param: str) -> None:
    answer = http.get(f"/v1/x/search?{query}")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert http.get(f"/v1/x/search?q={'x' * 201}").status_code == 400


def test_strange_words_are_only_words(http: httpx.Client, context: Context) -> None:
    job = add_job(context, suffix='50% "quoted" \\ [a-z]* Zoé')
    for word in ('"quoted"', "\\", "[a-z]*", "50%", "ZOE\u0301"):
        assert ids(http, word) == [job.id], word


def test_a_broken_record_hides_no_other(http: httpx.Client, context: Context) -> None:
    jobs = [add_job(context, suffix="poe").id for _ in range(2)]
    context.store.client.set(f"scriptorium:job:{jobs[1]}", '{"suffix": "poe"}')
    assert ids(http, "poe") == jobs[:1]


def test_a_search_while_jobs_are_created_finds_all_that_were_there(http: httpx.Client, context: Context) -> None:
    before = [add_job(context, suffix="poe").id for _ in range(20)][::-1]
    ended = threading.Event()

    def create() -> None:
        while not ended.wait(0.02):  # unpaced, the jobs to page through would grow faster than the pages
            add_job(context, suffix="poe")

    thread = threading.Thread(target=create)
    thread.start()
    try:
        for _ in range(5):
            listed, after = list[str](), {}
            while page := http.get("/v1/x/search", params={"q": "poe", "limit": 7, **after}).json():
                listed += [item["id"] for item in page["data"]]
                after = {"after": page["last_id"]}
                if set(before) <= set(listed) or not page["has_more"]:
                    break
            assert [job_id for job_id in listed if job_id in before] == before
            assert len(set(listed)) == len(listed)
    finally:
        ended.set()
        thread.join()


def test_what_takes_the_space_is_told_by_kind_and_job(http: httpx.Client, context: Context, job: Job) -> None:
    other = submit(context, "ftjob-2")
    (context.volume.run(other.id) / "weights").write_bytes(b"x" * (1 << 20))
    use = http.get("/v1/x/disk_use?limit=1").json()
    assert [entry["job"] for entry in use["jobs"]] == [other.id]
    kinds = {entry["kind"]: entry["bytes"] for entry in use["kinds"]}
    assert kinds["runs"] >= 1 << 20
    assert kinds["uploads"] > 0
    assert use["total_bytes"] == sum(kinds.values())
    assert http.get("/v1/x/disk_use?limit=0").json()["error"]["param"] == "limit"
