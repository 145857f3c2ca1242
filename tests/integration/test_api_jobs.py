"""The unmodified `openai` client and jobs: create, list, cancel, checkpoints; every problem at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from standins import BASE, Sent

from scriptorium.contracts import Checkpoint, JobError, Phase, PrepareRequest
from scriptorium.jobs.queue import PREPARE
from scriptorium.jobs.requests import REQUEST_MAKERS, RequestContext
from scriptorium.jobs.runner import Context, claim
from scriptorium.models.model_name import parse_model_name
from scriptorium.recipe import find_recipe
from services.api.fine_tuning.create_job import fingerprint, read_job
from services.api.fine_tuning.openai_job import effective_batch


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
    batch = effective_batch(recipe)
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


def test_a_job_learns_from_preferences(client: openai.OpenAI, context: Context, book: str) -> None:
    job = client.fine_tuning.jobs.create(
        model=BASE,
        training_file=book,
        method={"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2, "n_epochs": 2, "batch_size": "auto"}}},
    )
    assert job.method is not None
    assert job.method.type == "dpo"
    assert job.method.dpo is not None
    resolved = job.method.dpo.hyperparameters
    assert resolved is not None
    assert (resolved.beta, resolved.n_epochs, resolved.learning_rate_multiplier) == (0.2, 2, 1.0)
    assert resolved.batch_size == job.hyperparameters.batch_size
    training = context.store.jobs.get(job.id).recipe.training
    assert (training.method, training.beta, training.sample_packing) == ("dpo", 0.2, False)


def test_hyperparameters_at_the_top_level_work(client: openai.OpenAI, book: str) -> None:
    job = client.fine_tuning.jobs.create(
        model=BASE, training_file=book, hyperparameters={"n_epochs": 4, "learning_rate_multiplier": 0.5}
    )
    assert (job.hyperparameters.n_epochs, job.hyperparameters.learning_rate_multiplier) == (4, 0.5)


def test_a_recipe_can_be_sent_whole(client: openai.OpenAI, book: str) -> None:
    recipe = {"name": "mine", "training": {"adapter": "lora", "num_epochs": 9}}
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book, extra_body={"recipe": recipe})
    assert job.hyperparameters.n_epochs == 9


def test_every_problem_of_a_request_is_reported_at_once(client: openai.OpenAI, http: httpx.Client) -> None:
    body = {
        "model": "none-such",
        "training_file": "file-none",
        "validation_file": "file-other",
        "suffix": "a b\tc",
        "seed": -1,
        "hyperparameters": {"n_epochs": 0},
        "integrations": [{"type": "wandb"}],
        "method": {"type": "reinforcement"},
        "metadata": {"k" * 65: "v"},
        "recipe": {"name": "mine", "training": {"lora_r": 0, "colour": "blue"}},
        "checkpoint": 0,
        "trainig_file": "typo",
    }
    error = http.post("/v1/fine_tuning/jobs", json=body).json()["error"]
    fields = {line.removeprefix("- ").split(":")[0] for line in error["message"].splitlines()[1:]}
    assert fields == {
        "model",
        "training_file",
        "validation_file",
        "suffix",
        "seed",
        "hyperparameters.n_epochs",
        "integrations.0.wandb",
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
        ({"validation_file": "file-1"}, (404, "file_not_found", "validation_file")),
        ({"suffix": ""}, (400, "invalid_request", "suffix")),
        ({"suffix": "x" * 65}, (400, "invalid_request", "suffix")),
        ({"suffix": "  "}, (400, "invalid_request", "suffix")),
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


def test_a_validation_file_is_part_of_the_job_and_belongs_to_it(
    client: openai.OpenAI, http: httpx.Client, context: Context, book: str
) -> None:
    second = client.files.create(file=("second.txt", b"Once more upon a midnight."), purpose="fine-tune").id
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book, validation_file=second)
    assert client.fine_tuning.jobs.retrieve(job.id).validation_file == second
    assert client.fine_tuning.jobs.create(model=BASE, training_file=book).id != job.id
    request = REQUEST_MAKERS[Phase.PREPARE](
        context.store.jobs.get(job.id), RequestContext(context.settings, context.volume)
    )
    assert isinstance(request, PrepareRequest)
    assert request.validation_name == "second.txt"
    assert request.validation is not None
    assert request.validation.read_bytes() == b"Once more upon a midnight."
    with pytest.raises(openai.ConflictError):
        client.files.delete(second)
    client.fine_tuning.jobs.cancel(job.id)
    deleted = http.delete(f"/v1/fine_tuning/jobs/{job.id}?manuscript=true").json()
    assert deleted["scriptorium"]["remaining_files"] == [book]  # of the other job
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(second)


def test_the_training_file_validates_nothing(client: openai.OpenAI, book: str) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.fine_tuning.jobs.create(model=BASE, training_file=book, validation_file=book)
    assert (caught.value.code, caught.value.param) == ("invalid_validation_file", "validation_file")


def test_a_post_that_is_repeated_makes_one_job(client: openai.OpenAI, book: str, sent: Sent) -> None:
    jobs = [client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix="a").id for _ in range(2)]
    other = client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix="b").id
    assert jobs[0] == jobs[1] != other
    plain = client.fine_tuning.jobs.create(model=BASE, training_file=book).id
    assert client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix=None).id == plain  # sent as null
    assert len(sent.messages) == 3


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
    body = {"model": BASE, "training_file": book}
    request_hash = fingerprint(read_job(body, context), body, None)
    context.store.client.set(f"scriptorium:request:{request_hash}", "ftjob-dead")  # by an earlier version that died
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    assert client.fine_tuning.jobs.create(model=BASE, training_file=book).id == job.id != "ftjob-dead"


def test_jobs_are_listed_page_by_page_and_by_metadata(client: openai.OpenAI, book: str) -> None:
    job_ids = [
        client.fine_tuning.jobs.create(
            model=BASE, training_file=book, suffix=str(number), metadata={"even": str(number % 2 == 0)}
        ).id
        for number in range(5)
    ]
    assert sorted(job.id for job in client.fine_tuning.jobs.list(limit=2)) == sorted(job_ids)
    even = client.fine_tuning.jobs.list(limit=2, metadata={"even": "True"})
    assert {job.id for job in even} == {job_ids[0], job_ids[2], job_ids[4]}
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
    job_error = JobError(code="invalid_training_file", message="It is empty.", param="book.txt", next_step="Send more.")
    context.pipeline.fail(job.id, Phase.PREPARE, 1, job_error)
    error = client.fine_tuning.jobs.retrieve(job.id).error
    assert error is not None
    assert (error.code, error.message, error.param) == ("invalid_training_file", "It is empty.", "book.txt")


def test_jobs_that_wait_for_the_gpu_know_their_place(client: openai.OpenAI, context: Context, book: str) -> None:
    jobs = [client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix=name).id for name in "abc"]
    for job in jobs[:2]:
        assert claim(context, job, Phase.PREPARE) is not None
        context.pipeline.advance(job, Phase.PREPARE, 1)
    rendered = [client.fine_tuning.jobs.retrieve(job).to_dict() for job in jobs]
    positions = [extra["queue_position"] for job in rendered if isinstance(extra := job["scriptorium"], dict)]
    assert positions == [1, 2, None]


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        ("My first novel, 3rd draft", "My-first-novel-3rd-draft"),
        ("Brontë: Émile/ß", "Bronte-Emile"),
        ("a:ckpt-step-3@0.5", "a-ckpt-step-3-0.5"),
        ("-as-it.is_", "-as-it.is_"),
        ("Война и мир", ""),
        ("é" * 64, "e" * 64),
    ],
)
def test_a_suffix_may_have_any_letters_and_the_model_has_a_safe_name(
    client: openai.OpenAI, context: Context, book: str, suffix: str, name: str
) -> None:
    created = client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix=suffix)
    assert created.to_dict()["user_provided_suffix"] == suffix
    job = context.store.jobs.get(created.id)
    assert job.tuned_name == f"ft:{BASE}:scriptorium:{name}:{job.id.removeprefix('ftjob-')}"
    parsed = parse_model_name(f"{job.tuned_name}:ckpt-step-7@0.5")
    assert (parsed.voice, parsed.job_id, parsed.step, parsed.strength) == (job.tuned_name, job.id, 7, 0.5)


def test_checkpoints_are_listed_newest_first(client: openai.OpenAI, context: Context, book: str) -> None:
    job = client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix="poe")
    for step in (5, 10, 15):
        context.store.jobs.add_checkpoint(job.id, Checkpoint(step=step, created_at=1, train_loss=2.0, dev_loss=3.0))
    checkpoints = list(client.fine_tuning.jobs.checkpoints.list(job.id, limit=2))
    assert [checkpoint.step_number for checkpoint in checkpoints] == [15, 10, 5]
    number = job.id.removeprefix("ftjob-")
    assert checkpoints[0].id == f"ftckpt_{number}_15"
    assert checkpoints[0].fine_tuned_model_checkpoint == f"ft:{BASE}:scriptorium:poe:{number}:ckpt-step-15"
    assert (checkpoints[0].metrics.train_loss, checkpoints[0].metrics.valid_loss) == (2.0, 3.0)


def test_jobs_of_one_second_are_listed_and_served_in_the_order_of_their_submission(
    client: openai.OpenAI, context: Context, book: str
) -> None:
    created = [
        client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix=f"voice{number}").id
        for number in range(12)
    ]
    assert [job.id for job in client.fine_tuning.jobs.list(limit=5)] == created[::-1]
    active = context.store.jobs.active()
    assert [job.id for job in active] == created
    assert [job.id for job in sorted(active, key=lambda job: job.rank)] == created
