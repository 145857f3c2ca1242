"""The examples of /openapi.json are sent to the API as they stand; only the ids and names that it gives out differ."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import httpx
import pytest
from blind import make_evaluated_job
from receiving import receiving
from standins import BASE, TUNED, AnsweringEngine, serving
from work import submit

from scriptorium.contracts import Decision, DecisionKind, Option, Phase
from scriptorium.jobs.runner import Context, claim
from scriptorium.webhook_signature import make_secret
from services.api.application import create_app
from services.api.openapi.operations import OPERATIONS

JOB = "ftjob-7"


def send(http: httpx.Client, name: str, path: str = "", **changes: Any) -> dict[str, Any]:
    """Send the example of a call, with some values changed, and return the answer."""
    example = OPERATIONS[name].example
    assert example
    method, template = name.split()
    answer = http.request(method, path or template, json=example | changes)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_an_upload_is_begun_and_completed(http: httpx.Client) -> None:
    upload = send(http, "POST /v1/uploads")
    half = upload["bytes"] // 2
    parts = [
        http.post(f"/v1/uploads/{upload['id']}/parts", files={"data": b"x" * size}).json()["id"]
        for size in (half, upload["bytes"] - half)
    ]
    path = f"/v1/uploads/{upload['id']}/complete"
    assert send(http, "POST /v1/uploads/{upload_id}/complete", path, part_ids=parts)["status"] == "completed"


def test_a_job_is_created(http: httpx.Client, book: str) -> None:
    job = send(http, "POST /v1/fine_tuning/jobs", training_file=book)  # its model is one of the hub
    assert (job["user_provided_suffix"], job["hyperparameters"]["n_epochs"]) == ("poe", 3)


def test_a_job_is_estimated(http: httpx.Client) -> None:
    assert send(http, "POST /v1/x/estimate")["updates"] > 0


def test_a_question_is_answered(http: httpx.Client, context: Context) -> None:
    submit(context, JOB)
    lease = claim(context, JOB, Phase.PREPARE)
    assert lease is not None
    options = [Option(name=name, meaning=name) for name in ("go_on", "stop")]
    question = Decision(
        kind=DecisionKind.DATA_QUALITY, question="Train?", reason="Why not?", options=options, recommended="go_on"
    )
    context.pipeline.ask(JOB, Phase.PREPARE, lease.token, question)
    name = "POST /v1/x/jobs/{job_id}/decisions/{kind}"
    assert send(http, name, f"/v1/x/jobs/{JOB}/decisions/data_quality")["status"] == "validating_files"


def test_a_job_is_cloned_and_gets_tags(http: httpx.Client, context: Context) -> None:
    submit(context, JOB)
    assert send(http, "POST /v1/x/jobs/{job_id}/clone", f"/v1/x/jobs/{JOB}/clone")["seed"] == 7
    tags = f"/v1/x/jobs/{JOB}/tags"
    assert send(http, "PUT /v1/x/jobs/{job_id}/tags", tags)["scriptorium"]["tags"] == ["draft", "second book"]
    assert send(http, "POST /v1/x/jobs/{job_id}/tags", tags)["scriptorium"]["tags"] == ["second book", "best"]


def test_a_webhook_is_tested(context: Context) -> None:
    with receiving() as inbox:
        changes = {"webhook_url": inbox.url, "webhook_secret": make_secret(), "webhook_private": True}
        hooked = dataclasses.replace(context, settings=context.settings.model_copy(update=changes))
        with serving(create_app(hooked, reaping=False)) as url, httpx.Client(base_url=url, trust_env=False) as http:
            (delivery,) = send(http, "POST /v1/x/webhook_deliveries")["data"]
    assert delivery["type"] == "fine_tuning.job.failed"


def test_a_pair_is_read(http: httpx.Client, context: Context) -> None:
    make_evaluated_job(context, JOB)
    path = f"/v1/x/jobs/{JOB}/reading"
    assert send(http, "POST /v1/x/jobs/{job_id}/reading", path)["answered"] == 1


@pytest.mark.parametrize("model", [BASE, TUNED])
def test_a_model_is_asked(http: httpx.Client, engine: AnsweringEngine, model: str) -> None:
    assert send(http, "POST /v1/chat/completions", model=model)["object"] == "chat.completion"
    assert send(http, "POST /v1/completions", model=model)["object"] == "text_completion"
    assert engine.requests[0]["max_tokens"] == 300


def test_the_volume_is_not_pruned(http: httpx.Client) -> None:
    assert send(http, "POST /v1/x/prune")["dry_run"] is True


def test_every_example_is_sent_here() -> None:
    source = Path(__file__).read_text()
    assert [name for name, operation in OPERATIONS.items() if operation.example and f'"{name}"' not in source] == []
