"""The site over the real API: what each page shows, its forms, and what they refuse."""

from __future__ import annotations

import re
import socket
from html import unescape

import httpx
import pytest

from scriptorium.artifacts.file_store import FileStore
from scriptorium.contracts import DecisionKind, Job, Status
from scriptorium.errors import JobMissing
from scriptorium.jobs.runner import Context
from scriptorium.planning.default_recipe import CPU_RECIPE
from tests.pages.seed import BASE, HOSTILE, STEPS, add_every_state


@pytest.fixture
def jobs(context: Context) -> dict[str, Job]:
    """Return a job in every state."""
    return add_every_state(context)


def read(http: httpx.Client, path: str, status: int = 200) -> str:
    """Return a page, after a look at what every page has to keep."""
    answer = http.get(path)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("text/html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    nonce = re.findall(r"script-src 'nonce-([\w-]+)'", policy)
    assert nonce
    assert set(re.findall(r"<(?:script|style)((?: [^>]*)?)>", answer.text)) <= {f' nonce="{nonce[0]}"'}
    assert "Traceback" not in answer.text
    assert HOSTILE not in answer.text
    assert "<script>alert" not in answer.text
    return unescape(answer.text)


def test_every_job_is_listed_with_its_state(http: httpx.Client, jobs: dict[str, Job]) -> None:
    page = read(http, "/")
    states = ("Reading the book", "Waiting for its turn", "place 1 in the queue", "step 32 of 90, about 5 minutes left",
              "Waiting for your answer", "Paused", "Failed", "Cancelled", "Done")  # fmt: skip
    for state in states:
        assert state in page, state
    places = [page.index(f"/jobs/{job.id}") for job in jobs.values()]
    assert places == sorted(places, reverse=True)  # newest first


def test_without_jobs_the_list_says_how_to_begin(http: httpx.Client, context: Context) -> None:
    assert "Send your first book" in read(http, "/")


def test_many_jobs_have_pages(http: httpx.Client, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.api.site.jobs import routes

    monkeypatch.setattr(routes, "JOBS_PER_PAGE", 3)
    listed = add_every_state(context)
    shown: list[str] = []
    path = "/"
    for _ in listed:
        page = read(http, path)
        shown += re.findall(r'<h2><a id="(ftjob-\w+)"', page)
        if not (older := re.search(r'href="(/\?after=[^"]+)"', page)):
            break
        path = older[1]
    assert shown == [job.id for job in reversed(listed.values())]


def test_every_job_has_a_page(http: httpx.Client, jobs: dict[str, Job]) -> None:
    for job in jobs.values():
        assert f'href="/jobs/{job.id}' in read(http, f"/jobs/{job.id}")


def test_a_running_job_shows_its_curve_log_findings_and_checkpoints(http: httpx.Client, jobs: dict[str, Job]) -> None:
    page = read(http, "/jobs/ftjob-running")
    assert '<polyline class="trace"' in page
    assert "went from 3.89 at step 1 to 3.58 at step 32" in page
    assert "[TRAIN] checkpoint-30 saved" in page
    assert "[TRAIN] step" not in page  # the curve shows the numbers
    assert page.index("stands in the book twice") < page.index("A heading stands alone")  # the gravest first
    assert "Remove one of the two" in page
    assert len(re.findall(r"<tr><th scope=\"row\">", page)) == len(STEPS)
    assert "/jobs/ftjob-running/samples" in page
    assert '" data-live>' in page


def test_a_finished_job_offers_its_report_files_and_chat(http: httpx.Client, jobs: dict[str, Job]) -> None:
    page, job = read(http, "/jobs/ftjob-succeeded"), jobs["succeeded"]
    paths = [f"/jobs/{job.id}/{name}" for name in ("report", "read", "delete")]
    for path in (*paths, f"/v1/files/{job.result_files[0]}/content"):
        assert f'href="{path}"' in page
    assert "What was decided" in page
    assert '" data-live>' not in page  # nothing changes any more
    assert http.get(f"/v1/files/{job.result_files[0]}/content").status_code == 200


def test_older_parts_of_a_long_log_can_be_reached(http: httpx.Client, context: Context, jobs: dict[str, Job]) -> None:
    for number in range(100):
        context.pipeline.log_event(jobs["paused"], f"line {number}.")
    page, lines = read(http, "/jobs/ftjob-paused"), []
    while True:
        lines += re.findall(r"line (\d+)\.", page)
        if not (older := re.search(r'href="(/jobs/ftjob-paused\?before=[^"#]+)', page)):
            break
        page = read(http, older[1])
    assert lines == [str(number) for number in reversed(range(100))]


def test_a_failed_job_says_why_and_what_to_do(http: httpx.Client, jobs: dict[str, Job]) -> None:
    page = read(http, "/jobs/ftjob-failed")
    assert "the text breaks off" in page
    assert "Send the whole book." in page


def test_a_question_is_answered_with_a_click(http: httpx.Client, context: Context, jobs: dict[str, Job]) -> None:
    page = read(http, "/jobs/ftjob-asking")
    assert "Stop the job, correct the text and upload it again (recommended)" in page
    (action,) = re.findall(r'action="(/jobs/ftjob-asking/decisions/\w+)"', page)
    answer = http.post(action, data={"answer": "go_on"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs/ftjob-asking")
    assert context.store.jobs.get("ftjob-asking").decisions[DecisionKind.DATA_QUALITY].answer == "go_on"
    again = http.post(action, data={"answer": "stop"})
    assert again.status_code == 409
    assert "This did not work" in again.text


def test_an_unknown_answer_is_refused(http: httpx.Client, jobs: dict[str, Job]) -> None:
    answer = http.post("/jobs/ftjob-asking/decisions/data_quality", data={"answer": "perhaps"})
    assert answer.status_code == 400
    assert "This did not work" in answer.text


def test_pause_resume_and_cancel(http: httpx.Client, context: Context, jobs: dict[str, Job]) -> None:
    job = "ftjob-queued"
    assert http.post(f"/jobs/{job}/pause").headers["location"] == f"/jobs/{job}"
    assert context.store.jobs.get(job).status is Status.PAUSED
    assert "/resume" in read(http, f"/jobs/{job}")
    assert http.post(f"/jobs/{job}/resume").status_code == 303
    assert context.store.jobs.get(job).status is Status.QUEUED
    assert "Cancel “The Queue”?" in read(http, f"/jobs/{job}/cancel")
    assert context.store.jobs.get(job).status is Status.QUEUED  # asking changes nothing
    assert http.post(f"/jobs/{job}/cancel").status_code == 303
    assert context.store.jobs.get(job).status is Status.CANCELLED
    assert http.post(f"/jobs/{job}/pause").status_code == 409


@pytest.mark.parametrize("manuscript", [True, False])
def test_a_deletion_is_confirmed_first(
    http: httpx.Client, context: Context, jobs: dict[str, Job], manuscript: bool
) -> None:
    job, files = jobs["cancelled"], FileStore(context.volume.files)
    assert "the-house-on-the-moor.txt" in read(http, f"/jobs/{job.id}/delete")
    context.store.jobs.get(job.id)
    answer = http.post(f"/jobs/{job.id}/delete", data={"manuscript": "true"} if manuscript else {})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    with pytest.raises(JobMissing):
        context.store.jobs.get(job.id)
    assert files.existing([job.training_file]) == ([] if manuscript else [job.training_file])
    assert http.post("/jobs/ftjob-running/delete").status_code == 409


def test_a_missing_job_is_a_page(http: httpx.Client, context: Context) -> None:
    assert "There is no job 'ftjob-none'" in read(http, "/jobs/ftjob-none", 404)
    assert "This did not work" in read(http, "/?after=ftjob-none", 400)
    assert "This did not work" in read(http, "/submit/file-none", 404)
    assert "This did not work" in read(http, "/chat?model=none", 404)
    assert "This did not work" in read(http, "/models/nothing", 404)


def test_a_book_is_sent_estimated_and_started(http: httpx.Client, context: Context, jobs: dict[str, Job]) -> None:
    page = read(http, "/submit")
    assert f"<option selected>{BASE}</option>" in page
    assert f'<option value="{CPU_RECIPE}" selected>' in page
    assert 'value="lora-fsdp"' not in page  # a job has one device
    form = {"suffix": "A Night & a <Day>", "model": BASE, "recipe": "cpu"}
    book = {"file": ("night.txt", ("It was a dark and stormy night. " * 2000).encode())}
    sent = http.post("/submit", data=form, files=book)
    assert sent.status_code == 303, sent.text
    count = len(context.store.jobs.newest(100))
    estimate = read(http, sent.headers["location"])
    assert "night.txt" in estimate
    assert "Training takes about" in estimate
    assert "14,000 words of night.txt" in estimate
    assert len(context.store.jobs.newest(100)) == count  # nothing has started yet
    file_id = sent.headers["location"].split("/")[2].partition("?")[0]
    started = http.post(f"/submit/{file_id}", data=form)
    assert started.status_code == 303, started.text
    job = context.store.jobs.get(started.headers["location"].removeprefix("/jobs/"))
    assert (job.suffix, job.model, job.recipe.name, job.training_file) == ("A Night & a <Day>", BASE, "cpu", file_id)
    assert http.post(f"/submit/{file_id}", data=form).headers["location"] == started.headers["location"]  # not twice


def test_what_stands_against_a_job_is_said_before_it_starts(http: httpx.Client, context: Context) -> None:
    sent = http.post("/submit", files={"file": ("night.txt", b"Once upon a time.")}, data={"model": "nobody"})
    page = read(http, sent.headers["location"])
    assert "There is no base model 'nobody' on this machine" in page
    assert ">Start" not in page
    file_id = sent.headers["location"].split("/")[2].partition("?")[0]
    refused = http.post(f"/submit/{file_id}", data={"model": "nobody"})
    assert refused.status_code == 404
    assert context.store.jobs.newest(1) == []


def test_a_base_that_is_not_here_yet_may_be_started(http: httpx.Client, jobs: dict[str, Job]) -> None:
    page = read(http, f"/submit/{jobs['paused'].training_file}?model=some/model")
    assert "So there is no estimate" in page
    assert ">Start" in page


def test_a_form_without_a_book_is_refused(http: httpx.Client, context: Context) -> None:
    for answer in (
        http.post("/submit", data={"suffix": "x"}, files={"file": ("", b"")}),
        http.post("/submit", data={"suffix": "x"}),
    ):
        assert answer.status_code == 400
        assert "This did not work" in answer.text


def test_a_book_that_is_too_large_is_a_page(http: httpx.Client, context: Context) -> None:
    limit = context.settings.max_upload_bytes
    with socket.create_connection((http.base_url.host, http.base_url.port)) as connection:
        connection.sendall(f"POST /submit HTTP/1.1\r\nHost: localhost\r\nContent-Length: {limit * 2}\r\n\r\n".encode())
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 413")
    assert "text/html" in answer


def test_chat_offers_every_tuned_model(http: httpx.Client, jobs: dict[str, Job]) -> None:
    page, name = read(http, "/chat"), jobs["succeeded"].tuned_name
    options = re.findall(r'<option value="(ft:[^"]+)" data-base="([^"]+)" data-strength="([^"]+)"', page)
    assert options == [
        (name, BASE, "0.75"),
        (f"{name}:ckpt-step-15", BASE, "1.0"),
        (f"{name}:ckpt-step-30", BASE, "1.0"),
    ]
    chosen = read(http, f"/chat?model={name}:ckpt-step-15")
    assert re.findall(r"<option[^>]* selected>([^<]*)", chosen) == ["The House, step 15"]


def test_without_a_model_chat_says_where_one_comes_from(http: httpx.Client, context: Context) -> None:
    assert "No model has learned a voice yet" in read(http, "/chat")
    read(http, "/models")


def test_models_are_kept_warm_released_and_deleted(http: httpx.Client, context: Context, jobs: dict[str, Job]) -> None:
    name = jobs["succeeded"].tuned_name
    assert "kept loaded" not in read(http, "/models")
    assert http.post("/models/warm", data={"model": name}).headers["location"] == "/models"
    assert "kept loaded" in read(http, "/models")
    assert http.post("/models/delete", data={"model": name}).status_code == 409
    assert http.post("/models/release", data={"model": name}).status_code == 303
    for wish in context.store.wishes.all():
        context.store.wishes.forget(wish.model.name)
    assert f"Delete {name}?" in read(http, f"/models/delete?model={name}")
    assert http.post("/models/delete", data={"model": name}).status_code == 303
    assert context.store.jobs.get("ftjob-succeeded").fine_tuned_model is None
    assert http.post("/models/warm", data={"model": "nobody"}).status_code == 404
