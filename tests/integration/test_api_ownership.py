"""Whose things are: a key deletes what it made, and what one key sent is no answer to another."""

from __future__ import annotations

import stat

import httpx
import openai
from keyed import Create, ask, refusal
from standins import BASE, Sent, serving
from work import finish_with_model

from scriptorium.access.exposure import open_key_store
from scriptorium.jobs.runner import Context
from services.api.application import create_app


def test_a_key_deletes_only_what_was_made_with_it(
    http: httpx.Client, create: Create, context: Context, client: openai.OpenAI, book: str
) -> None:
    ann, bob, admin = create("submit"), create("submit"), create("admin")

    def upload(secret: str) -> str:
        form = {"files": {"file": ("a.txt", b"Once upon a time.")}, "data": {"purpose": "fine-tune"}}
        return str(ask(http, "POST", "/v1/files", secret, **form).json()["id"])

    def in_parts(secret: str) -> str:
        body = {"bytes": 5, "filename": "b.txt", "mime_type": "text/plain", "purpose": "fine-tune"}
        begun = ask(http, "POST", "/v1/uploads", secret, json=body).json()["id"]
        part = ask(http, "POST", f"/v1/uploads/{begun}/parts", secret, files={"data": b"Once."}).json()["id"]
        done = ask(http, "POST", f"/v1/uploads/{begun}/complete", secret, json={"part_ids": [part]})
        return str(done.json()["file"]["id"])

    def send_job(secret: str, file_id: str) -> str:
        body = {"model": BASE, "training_file": file_id}
        job_id = str(ask(http, "POST", "/v1/fine_tuning/jobs", secret, json=body).json()["id"])
        assert ask(http, "POST", f"/v1/fine_tuning/jobs/{job_id}/cancel", secret).status_code == 200
        return job_id

    for file_id in (upload(ann), in_parts(ann)):
        assert refusal(ask(http, "DELETE", f"/v1/files/{file_id}", bob)) == (403, "insufficient_scope")
        assert ask(http, "DELETE", f"/v1/files/{file_id}", ann).status_code == 200
    assert refusal(ask(http, "DELETE", f"/v1/files/{book}", ann)) == (403, "insufficient_scope"), "of before the keys"
    file_of_ann = upload(ann)
    path = f"/v1/fine_tuning/jobs/{send_job(bob, file_of_ann)}"
    assert refusal(ask(http, "DELETE", path, ann)) == (403, "insufficient_scope")
    assert refusal(ask(http, "DELETE", f"{path}?manuscript=true", bob)) == (403, "insufficient_scope")
    assert ask(http, "DELETE", path, bob).status_code == 200
    other = f"/v1/fine_tuning/jobs/{send_job(bob, file_of_ann)}?manuscript=true"
    assert ask(http, "DELETE", other, admin).status_code == 200
    assert ask(http, "GET", f"/v1/files/{file_of_ann}", admin).status_code == 404
    assert ask(http, "DELETE", f"/v1/files/{book}", admin).status_code == 200


def test_what_one_key_sends_is_no_answer_to_another(url: str, create: Create, client: openai.OpenAI, book: str) -> None:
    """Neither an equal body nor an equal Idempotency-Key gives away somebody else's job."""
    secrets = [create("read", "submit") for _ in range(2)]
    clients = [openai.OpenAI(base_url=f"{url}/v1", api_key=secret, max_retries=0) for secret in secrets]
    for headers in ({}, {"Idempotency-Key": "1"}):
        jobs = [
            other.fine_tuning.jobs.create(model=BASE, training_file=book, extra_headers=headers)
            for other in (*clients, *clients)
        ]
        assert [job.id for job in jobs[:2]] == [job.id for job in jobs[2:]]
        assert jobs[0].id != jobs[1].id


def test_a_key_deletes_only_the_models_of_its_jobs(http: httpx.Client, create: Create, context: Context) -> None:
    job = finish_with_model(context, "ftjob-0123", "poe")
    ann, bob = create("submit"), create("submit")
    owner = open_key_store(context.settings).newest()[1].id
    context.store.jobs.update(job.id, lambda record: record.model_copy(update={"created_by": owner}))
    path = f"/v1/models/{job.fine_tuned_model}"
    assert refusal(ask(http, "DELETE", path, bob)) == (403, "insufficient_scope")
    assert ask(http, "DELETE", path, ann).status_code == 200


def test_manuscripts_are_for_the_owner_alone(client: openai.OpenAI, context: Context) -> None:
    context.volume.files.chmod(0o755)
    book = client.files.create(file=("book.txt", b"Once upon a midnight dreary."), purpose="fine-tune").id
    upload = client.uploads.create(bytes=5, filename="b.txt", mime_type="text/plain", purpose="fine-tune")
    part = client.uploads.parts.create(upload.id, data=b"Once.")
    modes = {
        context.volume.files / book: 0o700,
        context.volume.files / book / "content": 0o600,
        context.volume.uploads / upload.id: 0o700,
        context.volume.uploads / upload.id / part.id: 0o600,
    }
    assert {path: stat.S_IMODE(path.stat().st_mode) for path in modes} == modes


def test_folders_of_an_earlier_version_are_closed_when_the_api_starts(context: Context, sent: Sent) -> None:
    folders = [context.volume.files, context.volume.uploads, context.volume.runs]
    for folder in folders:
        folder.mkdir(parents=True, mode=0o755)
    with serving(create_app(context, reaping=False, count_waiting=sent.waiting)):
        assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
