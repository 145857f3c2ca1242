"""The unmodified `openai` client against the real API on a real port; httpx for what it does not cover."""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest
from standins import BASE, WORDS, Engine, Sent, serving

from scriptorium.child import wait_until
from scriptorium.contracts import Checkpoint, Event, JobError, Level, Phase, Status
from scriptorium.files import Files
from scriptorium.phase import Context, claim
from scriptorium.pipeline import Pipeline
from scriptorium.queue import PREPARE
from scriptorium.recipe import find_recipe
from scriptorium.store import open_store
from scriptorium.store.serving import Engine as Served
from scriptorium.store.serving import WantedModel
from services.api.application import create_app
from services.api.creation import fingerprint

SOON = timedelta(seconds=10)
TUNED = f"ft:{BASE}:scriptorium:poe:0123"


@pytest.fixture
def url(context: Context, sent: Sent) -> Iterator[str]:
    """The API, without its reaper."""
    with serving(create_app(context, reaping=False, waiting=sent.waiting)) as address:
        yield address


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    """The client as its users have it, but for the retries, which would only take time."""
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as made:
        yield made


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    """For headers, streams and bodies that the openai client would not send."""
    with httpx.Client(base_url=url, timeout=20) as made:
        yield made


@pytest.fixture
def book(client: openai.OpenAI) -> str:
    """The id of an uploaded manuscript."""
    return client.files.create(file=("book.txt", b"Once upon a midnight dreary."), purpose="fine-tune").id


@pytest.fixture
def engine(context: Context) -> Iterator[Engine]:
    """An engine that answers for the base and for a tuned model."""
    made = Engine()
    with serving(made.app()) as address:
        context.store.serving.publish(
            [Served(name=name, folder="nowhere", state="ready", url=address) for name in (BASE, TUNED)]
        )
        yield made


def ask(client: openai.OpenAI, text: str, model: str = BASE, **options: Any) -> Any:
    """One question."""
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def frames(response: httpx.Response) -> Iterator[dict[str, str]]:
    """The server-sent events of a response."""
    for block in "".join(response.iter_text()).split("\n\n"):
        lines = [line.split(": ", 1) for line in block.splitlines() if line and not line.startswith(":")]
        if lines:
            yield {line[0]: line[1] for line in lines}


# Files


def test_a_file_is_uploaded_looked_at_fetched_and_deleted(client: openai.OpenAI) -> None:
    made = client.files.create(file=("böok\n.txt", b"Once upon a time."), purpose="fine-tune")
    assert (made.bytes, made.purpose, made.status, made.object) == (17, "fine-tune", "processed", "file")
    assert client.files.wait_for_processing(made.id).status == "processed"
    assert client.files.content(made.id).read() == b"Once upon a time."
    assert client.files.retrieve(made.id) == made
    assert client.files.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError) as caught:
        client.files.retrieve(made.id)
    assert (caught.value.code, caught.value.type) == ("file_not_found", "invalid_request_error")


def test_files_are_listed_page_by_page(client: openai.OpenAI) -> None:
    names = [f"{number}.txt" for number in range(5)]
    made = [client.files.create(file=(name, b"x"), purpose="fine-tune").id for name in names]
    client.files.create(file=("other.txt", b"x"), purpose="user_data")
    listed = [file.id for file in client.files.list(purpose="fine-tune", limit=2)]  # the client turns the pages
    assert sorted(listed) == sorted(made)
    assert [file.id for file in client.files.list(purpose="fine-tune", order="asc")] == listed[::-1]
    first = client.files.list(limit=1)
    assert first.has_more
    assert len(first.data) == 1


def test_a_range_of_a_file_can_be_fetched(http: httpx.Client, book: str) -> None:
    part = http.get(f"/v1/files/{book}/content", headers={"Range": "bytes=5-8"})
    assert (part.status_code, part.text) == (206, "upon")
    assert part.headers["content-disposition"].startswith("attachment")


def test_an_upload_over_the_limit_is_refused(context: Context, sent: Sent) -> None:
    small = Context(
        context.settings.model_copy(update={"max_upload_bytes": 1000}), context.store, context.volume, context.pipeline
    )
    with serving(create_app(small, reaping=False, waiting=sent.waiting)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="none", max_retries=0)
        for size in (1001, 200_000):  # found while it is stored; announced by its length
            with pytest.raises(openai.APIStatusError) as caught:
                client.files.create(file=("book.txt", b"x" * size), purpose="fine-tune")
            assert (caught.value.status_code, caught.value.code) == (413, "file_too_large")
        client.close()
    assert list(context.volume.files.glob("*")) == []


def test_what_an_upload_lacks_is_named(http: httpx.Client) -> None:
    answer = http.post("/v1/files", data={"purpose": "world domination"})
    assert answer.status_code == 400
    assert {problem.split(":")[0] for problem in answer.json()["error"]["message"].splitlines()[1:]} == {
        "- file",
        "- purpose",
    }
    refused = http.post(
        "/v1/files", data={"purpose": "fine-tune", "expires_after[anchor]": "created_at"}, files={"file": b"x"}
    )
    assert refused.json()["error"]["param"] == "expires_after"


def test_a_file_that_a_job_needs_is_not_deleted(client: openai.OpenAI, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    with pytest.raises(openai.ConflictError) as caught:
        client.files.delete(book)
    assert caught.value.code == "conflict"
    client.fine_tuning.jobs.cancel(job.id)
    assert client.files.delete(book).deleted


# Jobs


def test_a_job_is_created_and_shown_with_resolved_values(
    client: openai.OpenAI, context: Context, book: str, sent: Sent
) -> None:
    job = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=book,
        suffix="poe",
        seed=7,
        metadata={"author": "Poe"},
        method={"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 2, "batch_size": "auto"}}},
        extra_body={"recipe": "lora"},
    )
    assert job.id.startswith("ftjob-")
    assert (job.object, job.status, job.organization_id) == ("fine_tuning.job", "validating_files", "scriptorium")
    assert (job.model, job.training_file, job.validation_file, job.seed) == (BASE, book, None, 7)
    recipe = find_recipe("lora", context.settings.recipes_dir).training
    batch = recipe.micro_batch_size * recipe.gradient_accumulation_steps
    assert (job.hyperparameters.n_epochs, job.hyperparameters.batch_size) == (2, batch)
    assert job.hyperparameters.learning_rate_multiplier == 1.0
    assert job.method is not None
    assert job.method.to_dict()["supervised"] == {"hyperparameters": job.hyperparameters.to_dict()}
    assert (job.fine_tuned_model, job.finished_at, job.error, job.result_files) == (None, None, None, [])
    assert job.metadata == {"author": "Poe"}
    assert job.model_extra is not None
    assert job.model_extra["scriptorium"]["recipe"] == "lora"
    assert client.fine_tuning.jobs.retrieve(job.id) == job
    assert sent.messages == [(PREPARE, job.id)]
    assert context.store.jobs.get(job.id).suffix == "poe"


def test_the_old_spelling_of_hyperparameters_works(client: openai.OpenAI, book: str) -> None:
    job = client.fine_tuning.jobs.create(
        model=BASE, training_file=book, hyperparameters={"n_epochs": 4, "learning_rate_multiplier": 0.5}
    )
    assert (job.hyperparameters.n_epochs, job.hyperparameters.learning_rate_multiplier) == (4, 0.5)


def test_a_recipe_can_be_sent_whole(client: openai.OpenAI, book: str) -> None:
    recipe = {"name": "mine", "training": {"adapter": "lora", "num_epochs": 9}}
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book, extra_body={"recipe": recipe})
    assert job.hyperparameters.n_epochs == 9


def test_every_problem_of_a_request_is_told_at_once(client: openai.OpenAI, http: httpx.Client) -> None:
    body = {
        "model": "none-such",
        "training_file": "file-none",
        "validation_file": "file-other",
        "suffix": "a b/c",
        "seed": -1,
        "hyperparameters": {"n_epochs": 0},
        "integrations": [{"type": "wandb"}],
        "method": {"type": "dpo"},
        "metadata": {"k" * 65: "v"},
        "recipe": {"name": "mine", "training": {"lora_r": 0, "colour": "blue"}},
        "checkpoint": 0,
        "trainig_file": "typo",
    }
    error = http.post("/v1/fine_tuning/jobs", json=body).json()["error"]
    places = {line.removeprefix("- ").split(":")[0] for line in error["message"].splitlines()[1:]}
    assert places == {
        "model",
        "training_file",
        "validation_file",
        "suffix",
        "seed",
        "hyperparameters.n_epochs",
        "integrations",
        "method.type",
        f"metadata.{'k' * 65}.[key]",
        "recipe.training.lora_r",
        "recipe.training.colour",
        "checkpoint",
        "trainig_file",
    }
    assert (error["code"], error["param"]) == ("invalid_request", "model")
    assert client.fine_tuning.jobs.list().data == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"training_file": "file-none"}, (404, "file_not_found", "training_file")),
        ({"model": "none-such"}, (404, "model_not_found", "model")),
        ({"recipe": "none-such"}, (400, "invalid_recipe", "recipe")),
        ({"recipe": "../recipes/cpu"}, (400, "invalid_recipe", "recipe")),
        ({"method": {"type": "reinforcement"}}, (400, "invalid_request", "method.type")),
        ({"validation_file": "file-1"}, (400, "invalid_request", "validation_file")),
        ({"suffix": ""}, (400, "invalid_request", "suffix")),
        ({"suffix": "a\n"}, (400, "invalid_request", "suffix")),
        ({"metadata": {str(number): "" for number in range(17)}}, (400, "invalid_request", "metadata")),
    ],
)
def test_a_single_problem_keeps_its_own_code(
    http: httpx.Client, book: str, change: dict[str, Any], expected: tuple[int, str, str]
) -> None:
    answer = http.post("/v1/fine_tuning/jobs", json={"model": BASE, "training_file": book, **change})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == expected
    assert error["message"]


def test_a_post_that_is_repeated_makes_one_job(client: openai.OpenAI, book: str, sent: Sent) -> None:
    jobs = [client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix="a").id for _ in range(2)]
    other = client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix="b").id
    assert jobs[0] == jobs[1] != other
    assert len(sent.messages) == 2


def test_equal_posts_at_the_same_moment_make_one_job(client: openai.OpenAI, book: str, sent: Sent) -> None:
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: client.fine_tuning.jobs.create(model=BASE, training_file=book).id, range(8)))
    assert len(set(jobs)) == 1
    assert len(sent.messages) == 1


def test_an_idempotency_key_counts_for_more_than_the_body(client: openai.OpenAI, book: str) -> None:
    def create(key: str, suffix: str) -> str:
        return client.fine_tuning.jobs.create(
            model=BASE, training_file=book, suffix=suffix, extra_headers={"Idempotency-Key": key}
        ).id

    assert create("one", "a") == create("one", "a") != create("two", "a")
    with pytest.raises(openai.ConflictError) as caught:
        create("one", "b")
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_request_whose_job_was_never_recorded_is_made_again(
    client: openai.OpenAI, context: Context, book: str
) -> None:
    mark = fingerprint({"model": BASE, "training_file": book}, None)
    context.store.jobs.remember_request(mark, "ftjob-dead", SOON)  # as if the API had died between its two writes
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    assert client.fine_tuning.jobs.create(model=BASE, training_file=book).id == job.id != "ftjob-dead"


def test_jobs_are_listed_page_by_page_and_by_metadata(client: openai.OpenAI, book: str) -> None:
    made = [
        client.fine_tuning.jobs.create(
            model=BASE, training_file=book, suffix=str(number), metadata={"even": str(number % 2 == 0)}
        ).id
        for number in range(5)
    ]
    assert sorted(job.id for job in client.fine_tuning.jobs.list(limit=2)) == sorted(made)
    even = client.fine_tuning.jobs.list(limit=2, metadata={"even": "True"})
    assert {job.id for job in even} == {made[0], made[2], made[4]}
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.list(after="ftjob-none")
    assert caught.value.param == "after"


def test_a_job_without_a_worker_is_cancelled_at_once_and_only_once(client: openai.OpenAI, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    ended = client.fine_tuning.jobs.cancel(job.id)
    assert ended.status == "cancelled"
    assert ended.finished_at is not None
    with pytest.raises(openai.ConflictError) as caught:
        client.fine_tuning.jobs.cancel(job.id)
    assert caught.value.code == "conflict"


def test_a_job_with_a_worker_is_asked_to_stop(client: openai.OpenAI, context: Context, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    assert claim(context, job.id, Phase.PREPARE) is not None
    assert client.fine_tuning.jobs.cancel(job.id).status == "validating_files"
    assert context.store.jobs.get(job.id).cancel_requested


def test_a_failed_job_says_why(client: openai.OpenAI, context: Context, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    assert claim(context, job.id, Phase.PREPARE) is not None
    why = JobError(code="invalid_training_file", message="It is empty.", param="book.txt", next_step="Send more.")
    context.pipeline.fail(job.id, Phase.PREPARE, 1, why)
    error = client.fine_tuning.jobs.retrieve(job.id).error
    assert error is not None
    assert (error.code, error.message, error.param) == ("invalid_training_file", "It is empty.", "book.txt")


def test_jobs_that_wait_for_the_gpu_know_their_place(client: openai.OpenAI, context: Context, book: str) -> None:
    jobs = [client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix=name).id for name in "abc"]
    for job in jobs[:2]:
        assert claim(context, job, Phase.PREPARE) is not None
        context.pipeline.advance(job, Phase.PREPARE, 1)
    shown = [client.fine_tuning.jobs.retrieve(job).to_dict() for job in jobs]
    places = [extra["queue_position"] for job in shown if isinstance(extra := job["scriptorium"], dict)]
    assert places == [1, 2, None]


def test_checkpoints_are_listed_newest_first(client: openai.OpenAI, context: Context, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix="poe")
    for step in (5, 10, 15):
        context.store.jobs.add_checkpoint(job.id, Checkpoint(step=step, created_at=1, train_loss=2.0, dev_loss=3.0))
    found = list(client.fine_tuning.jobs.checkpoints.list(job.id, limit=2))
    assert [checkpoint.step_number for checkpoint in found] == [15, 10, 5]
    number = job.id.removeprefix("ftjob-")
    assert found[0].id == f"ftckpt_{number}_15"
    assert found[0].fine_tuned_model_checkpoint == f"ft:{BASE}:scriptorium:poe:{number}:ckpt-step-15"
    assert (found[0].metrics.train_loss, found[0].metrics.valid_loss) == (2.0, 3.0)


# Events


def test_events_are_paged_newest_first(client: openai.OpenAI, context: Context, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    for number in range(5):
        context.store.events.append(job.id, Event(created_at=1, level=Level.WARN, message=str(number)))
    found = list(client.fine_tuning.jobs.list_events(job.id, limit=2))
    assert [event.message for event in found] == ["4", "3", "2", "1", "0", f"Created fine-tuning job: {job.id}"]
    assert (found[0].object, found[0].level, found[0].type) == ("fine_tuning.job.event", "warn", "message")
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.list_events(job.id, after="ftevent-99999999999999999999999-0")
    assert (caught.value.code, caught.value.param) == ("invalid_request", "after")


def test_a_followed_job_is_told_from_the_beginning_to_the_end(
    client: openai.OpenAI, http: httpx.Client, context: Context, book: str
) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)

    def live() -> None:
        time.sleep(0.5)
        context.store.events.append(job.id, Event(created_at=1, message="zwölf", data={"loss": float("nan")}))
        context.store.jobs.update(job.id, lambda now: now.model_copy(update={"status": Status.SUCCEEDED}))
        time.sleep(0.1)
        context.store.events.append(job.id, Event(created_at=1, message="last words"))

    with (
        ThreadPoolExecutor(1) as pool,
        http.stream(
            "GET", f"/v1/fine_tuning/jobs/{job.id}/events", headers={"Accept": "text/event-stream"}
        ) as response,
    ):
        pool.submit(live)
        assert response.headers["content-type"].startswith("text/event-stream")
        told = list(frames(response))
    assert told[-1]["event"] == "done"
    said = [json.loads(frame["data"]) for frame in told[:-1]]
    assert [event["message"] for event in said] == [f"Created fine-tuning job: {job.id}", "zwölf", "last words"]
    assert said[1]["data"] == {"loss": None}  # JSON has no NaN
    assert [frame["id"] for frame in told[:-1]] == [event["id"] for event in said]


def test_a_follower_goes_on_where_it_was_cut_off(
    client: openai.OpenAI, http: httpx.Client, context: Context, book: str
) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    ids = [context.store.events.append(job.id, Event(created_at=1, message=str(number))) for number in range(600)]
    client.fine_tuning.jobs.cancel(job.id)
    address = f"/v1/fine_tuning/jobs/{job.id}/events?stream=true"
    with http.stream("GET", address, headers={"Last-Event-ID": ids[1]}) as response:
        told = list(frames(response))
    assert [json.loads(frame["data"])["message"] for frame in told[:-1]] == [
        *map(str, range(2, 600)),
        "The job was cancelled.",
    ]
    assert http.get(address, headers={"Last-Event-ID": "5"}).json()["error"]["param"] == "Last-Event-ID"


def test_a_silent_stream_is_kept_alive(
    client: openai.OpenAI, http: httpx.Client, book: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.api.events.KEEP_ALIVE", 0.1)
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    with http.stream("GET", f"/v1/fine_tuning/jobs/{job.id}/events?stream=true") as response:
        assert any(line.startswith(":") for line in response.iter_lines())


def test_events_of_no_job_are_not_found(http: httpx.Client) -> None:
    for query in ("", "?stream=true"):
        answer = http.get(f"/v1/fine_tuning/jobs/ftjob-none/events{query}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "job_not_found")


# Models and chat


def test_models_are_listed(client: openai.OpenAI, engine: Engine) -> None:
    assert {model.id for model in client.models.list()} == {BASE, TUNED}
    assert client.models.retrieve(TUNED).id == TUNED
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("organisation/none-such")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize("model", [BASE, TUNED])
def test_a_model_chats(client: openai.OpenAI, engine: Engine, model: str) -> None:
    answer = ask(client, "Begin.", model, seed=3, temperature=0.5)
    assert answer.choices[0].message.content == "".join(WORDS)
    assert engine.asked[0]["model"] == model
    assert engine.asked[0]["temperature"] == 0.5
    assert "seed" not in engine.asked[0]  # it ends vLLM's engine on a CPU


def test_a_seed_reaches_an_engine_on_a_gpu(context: Context, sent: Sent, engine: Engine) -> None:
    fast = Context(
        context.settings.model_copy(update={"device": "cuda"}), context.store, context.volume, context.pipeline
    )
    with serving(create_app(fast, reaping=False, waiting=sent.waiting)) as address:
        body = {"model": BASE, "messages": [{"role": "user", "content": "x"}], "seed": 3}
        assert httpx.post(f"{address}/v1/chat/completions", json=body).status_code == 200
    assert engine.asked[0]["seed"] == 3


def test_a_chat_is_streamed(client: openai.OpenAI, engine: Engine) -> None:
    with ask(client, "Begin.", stream=True) as stream:
        assert [chunk.choices[0].delta.content for chunk in stream] == list(WORDS)


def test_a_text_is_continued(client: openai.OpenAI, engine: Engine) -> None:
    assert client.completions.create(model=BASE, prompt="Call").choices[0].text == "".join(WORDS)


def test_what_the_engine_refuses_is_passed_on_in_our_shape(client: openai.OpenAI, engine: Engine) -> None:
    with pytest.raises(openai.BadRequestError, match="too long") as caught:
        ask(client, "refuse")
    assert (caught.value.code, caught.value.param) == ("invalid_request", "messages")
    with pytest.raises(openai.InternalServerError, match="out of memory") as failed:
        ask(client, "crash")
    assert failed.value.code == "engine_failed"


def test_a_stream_that_breaks_off_ends_with_an_error(client: openai.OpenAI, engine: Engine) -> None:
    with ask(client, "break", stream=True) as stream, pytest.raises(openai.APIError, match="went away"):
        list(stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_takes_its_question_along(url: str, engine: Engine, stream: bool) -> None:
    body = {"model": BASE, "messages": [{"role": "user", "content": "wait"}], "stream": stream}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/v1/chat/completions", json=body, timeout=0.5)
    assert wait_until(engine.abandoned.is_set, SOON)


def test_a_model_that_does_not_answer_yet_asks_for_patience(client: openai.OpenAI, context: Context) -> None:
    context.store.serving.publish(
        [
            Served(name="loading", folder="x", state="starting"),
            Served(name="broken", folder="x", state="failed", reason="no such file"),
            Served(name="gone", folder="x", state="ready", url="http://127.0.0.1:9"),
        ]
    )
    context.store.serving.want([WantedModel(name="displaced", folder="x")])
    for model in ("loading", "broken", "gone", "displaced"):
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client, "x", model)
        assert (caught.value.status_code, caught.value.code) == (503, "model_not_ready")
        assert int(caught.value.response.headers["retry-after"]) > 0


def test_a_model_that_nobody_serves_is_not_found(client: openai.OpenAI, http: httpx.Client) -> None:
    for model in (BASE, "none-such"):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(client, "x", model)
        assert caught.value.code == "model_not_found"
    wrong: list[Any] = [{"messages": []}, {"model": 5}, []]
    for body in wrong:
        assert http.post("/v1/chat/completions", json=body).status_code == 400
    assert http.post("/v1/chat/completions", content=b"{").json()["error"]["code"] == "invalid_request"


# Errors, health and metrics


def test_every_response_has_an_id_and_says_whether_to_repeat(http: httpx.Client) -> None:
    ids = {http.get(path).headers["x-request-id"] for path in ("/healthz", "/v1/files", "/nowhere", "/v1/files/none")}
    assert len(ids) == 4
    answer = http.get("/v1/nowhere")
    assert (answer.status_code, answer.headers["x-should-retry"]) == (404, "false")
    assert set(answer.json()["error"]) >= {"message", "type", "param", "code", "next_step"}
    assert answer.json()["error"]["code"] == "not_found"
    assert http.put("/v1/models").status_code == 405


def test_json_that_is_too_large_or_none_is_refused(http: httpx.Client) -> None:
    def endless() -> Iterator[bytes]:
        yield from (b"[" * 100_000 for _ in range(12))

    for path in ("/v1/fine_tuning/jobs", "/v1/chat/completions"):
        for content in (b"x" * (1 << 20) + b"x", endless(), b'{"model": ', b"[" * 100_000, b'"text"'):
            answer = http.post(path, content=content, headers={"Content-Type": "application/json"})
            too_large = not isinstance(content, bytes) or len(content) > 1 << 20
            expected = (413, "file_too_large") if too_large else (400, "invalid_request")
            assert (answer.status_code, answer.json()["error"]["code"]) == expected


def test_an_unexpected_failure_is_a_decent_500(
    client: openai.OpenAI, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(self: Files) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(Files, "newest", explode)
    with pytest.raises(openai.InternalServerError) as caught:
        client.files.list()
    assert caught.value.code == "internal_error"
    assert "secret" not in str(caught.value)
    assert caught.value.response.headers["x-request-id"] in caplog.text


def test_without_a_store_the_api_answers_and_says_so(context: Context, sent: Sent) -> None:
    store = open_store("unix:///nonexistent/redis.sock")
    alone = Context(context.settings, store, context.volume, Pipeline(store, context.volume, send=sent))
    with serving(create_app(alone, waiting=sent.waiting)) as address, httpx.Client(base_url=address) as http:
        health = http.get("/healthz")
        assert (health.status_code, health.json()["status"], health.json()["store"]) == (503, "degraded", False)
        chat = http.post("/v1/chat/completions", json={"model": BASE})
        for answer in (http.get("/v1/fine_tuning/jobs"), http.get("/v1/models"), chat):
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "store_unavailable")
        assert "scriptorium_store_up 0.0" in http.get("/metrics").text


def test_health_and_metrics(client: openai.OpenAI, http: httpx.Client, context: Context, book: str) -> None:
    assert http.get("/healthz").json()["status"] == "ok"
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    context.store.jobs.set_progress(job.id, {"step": 3, "train_loss": 2.5, "gradient_norm": float("nan")})
    context.store.leases.acquire("gpu", job.id, timedelta(seconds=5))
    http.get(f"/v1/files/{book}")
    lines = http.get("/metrics").text.splitlines()
    assert 'scriptorium_jobs{status="validating_files"} 1.0' in lines
    assert f'scriptorium_training_loss{{job_id="{job.id}"}} 2.5' in lines
    assert 'scriptorium_gpu_lease_held{holder="training"} 1.0' in lines
    assert 'scriptorium_queue_length{queue="trainer"} 0.0' in lines
    assert 'scriptorium_api_requests_total{method="GET",route="/v1/files/{file_id}",status="200"} 1.0' in lines


def test_the_reaper_runs_beside_the_api(context: Context, sent: Sent) -> None:
    settings = context.settings.model_copy(update={"reaper_interval": timedelta(seconds=0.05)})
    quick = Context(settings, context.store, context.volume, context.pipeline)
    with serving(create_app(quick, waiting=sent.waiting)) as address:
        with openai.OpenAI(base_url=f"{address}/v1", api_key="none") as client:
            file = client.files.create(file=io.BytesIO(b"x"), purpose="fine-tune")
            job = client.fine_tuning.jobs.create(model=BASE, training_file=file.id)
        assert wait_until(lambda: sent.messages.count((PREPARE, job.id)) > 1, SOON)
    assert threading.active_count() < 50
