"""Fine-tuning jobs: their shape, their creation and its refusals, and their lists."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import openai

from tests.conformance.cases.wire import BASE, Wire, refused, unique

REQUIRED = (
    "id", "created_at", "model", "organization_id", "status", "training_file", "validation_file", "hyperparameters",
    "result_files", "fine_tuned_model", "finished_at", "trained_tokens", "error", "seed", "object",
)  # fmt: skip


def _refuse(wire: Wire, param: str, code: str = "invalid_request", **options: Any) -> openai.APIStatusError:
    return refused(openai.BadRequestError, lambda: wire.job(**options), code, param)


def a_new_job_has_every_required_field(wire: Wire) -> None:
    """A job has every key that OpenAI's type requires, also those that are still null."""
    job = wire.job()
    assert [name for name in REQUIRED if name not in job.to_dict()] == []
    assert (job.object, job.status, job.fine_tuned_model, job.error) == (
        "fine_tuning.job",
        "validating_files",
        None,
        None,
    )
    assert job.id.startswith("ftjob-")


def retrieve_equals_what_was_created(wire: Wire) -> None:
    """GET /fine_tuning/jobs/{id} answers with the job that the creation answered with."""
    job = wire.job()
    again = wire.client().fine_tuning.jobs.retrieve(job.id)
    assert (again.id, again.created_at, again.model, again.training_file) == (
        job.id, job.created_at, job.model, job.training_file,
    )  # fmt: skip


def the_method_is_told(wire: Wire) -> None:
    """`method` takes hyperparameters, and the job has them in both of their places."""
    values: Any = {"n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 0.5}
    job = wire.job(method={"type": "supervised", "supervised": {"hyperparameters": values}})
    assert job.method.type == "supervised"
    assert job.method.supervised.hyperparameters.to_dict() == values
    assert job.hyperparameters.to_dict() == values


def hyperparameters_have_their_old_place(wire: Wire) -> None:
    """The deprecated top-level `hyperparameters` count, too, and "auto" is resolved."""
    job = wire.job(hyperparameters={"n_epochs": 3, "batch_size": "auto"})
    assert job.hyperparameters.n_epochs == 3
    assert job.hyperparameters.batch_size != "auto"


def hyperparameters_out_of_range_are_refused(wire: Wire) -> None:
    """Every hyperparameter that cannot be is a 400 that names it."""
    for name, value in (("n_epochs", 0), ("batch_size", 257), ("learning_rate_multiplier", 0)):
        error = refused(openai.BadRequestError, lambda name=name, value=value: wire.job(hyperparameters={name: value}))
        assert name in str(error)


def dpo_is_a_method(wire: Wire) -> None:
    """A job of direct preference optimisation keeps its method and its beta, and resolves what is "auto"."""
    method: Any = {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.3}}}
    job = wire.job(method=method)
    assert job.method.type == "dpo"
    assert job.method.dpo.hyperparameters.beta == 0.3
    assert job.method.dpo.hyperparameters.n_epochs != "auto"


def reinforcement_is_refused(wire: Wire) -> None:
    """Reinforcement is a 400 with a reason."""
    grader = {"type": "string_check", "name": "x", "input": "a", "reference": "a", "operation": "eq"}
    error = refused(
        openai.BadRequestError,
        lambda: wire.job(method={"type": "reinforcement", "reinforcement": {"grader": grader}}),
        "invalid_request",
    )
    assert "reinforcement" in str(error)


def an_unknown_model_is_not_found(wire: Wire) -> None:
    """A base model that nobody knows is a 404 with `model_not_found`."""
    refused(openai.NotFoundError, lambda: wire.job(model="no-such-base"), "model_not_found", "model")


def an_unknown_file_is_not_found(wire: Wire) -> None:
    """A training file that does not exist is a 404 with its param."""
    refused(openai.NotFoundError, lambda: wire.job(training_file="file-none"), "file_not_found", "training_file")


def a_file_of_another_purpose_is_refused(wire: Wire) -> None:
    """Only a file of purpose fine-tune is trained on."""
    _refuse(wire, "training_file", training_file=wire.book(purpose="user_data"))


def a_validation_file_is_told(wire: Wire) -> None:
    """`validation_file` is part of the job; the training file itself cannot be it."""
    book, other = wire.book(), wire.book(b"Another text by the author.")
    assert wire.job(training_file=book, validation_file=other).validation_file == other
    _refuse(wire, "validation_file", "invalid_validation_file", training_file=book, validation_file=book)
    refused(openai.NotFoundError, lambda: wire.job(validation_file="file-none"), "file_not_found", "validation_file")


def a_suffix_has_one_to_sixty_four_characters(wire: Wire) -> None:
    """`suffix` is refused beyond its length, and taken up to it."""
    _refuse(wire, "suffix", suffix="x" * 65)
    _refuse(wire, "suffix", suffix="")
    name = unique("s").ljust(64, "x")
    assert wire.job(suffix=name).to_dict()["user_provided_suffix"] == name


def a_seed_is_told(wire: Wire) -> None:
    """`seed` is kept; one beyond 31 bits is refused; without one the job has one."""
    assert wire.job(seed=7).seed == 7
    _refuse(wire, "seed", seed=2**31)
    assert isinstance(wire.job().seed, int)


def metadata_is_kept(wire: Wire) -> None:
    """`metadata` comes back pair by pair; more than sixteen pairs are refused."""
    pairs = {f"key {number}": "é" * number for number in range(16)}
    assert wire.job(metadata=pairs).metadata == pairs
    _refuse(wire, "metadata", metadata={**pairs, "one": "more"})


def an_integration_is_told(wire: Wire) -> None:
    """A wandb integration is part of the job; another kind is refused."""
    job = wire.job(integrations=[{"type": "wandb", "wandb": {"project": "voices", "tags": ["a"]}}])
    assert job.integrations[0].type == "wandb"
    assert job.integrations[0].wandb.project == "voices"
    other: Any = [{"type": "else", "wandb": {"project": "voices"}}]
    refused(openai.BadRequestError, lambda: wire.job(integrations=other), "invalid_request")


def every_problem_is_told_at_once(wire: Wire) -> None:
    """A request with several problems gets one error that names them all."""
    error = refused(
        openai.BadRequestError, lambda: wire.job(model="no-such-base", seed=-1, suffix="x" * 65), "invalid_request"
    )
    assert all(name in str(error) for name in ("model", "seed", "suffix"))


def a_missing_field_is_named(wire: Wire) -> None:
    """A request without a required field names the field."""
    client = wire.client()
    error = refused(
        openai.BadRequestError,
        lambda: client.post("/fine_tuning/jobs", body={"model": BASE}, cast_to=object),
        "invalid_request",
    )
    assert "training_file" in str(error)


def a_suffix_of_null_equals_none(wire: Wire) -> None:
    """A null equals what is left out: both requests make one job."""
    client, book = wire.client(), wire.book()
    first = client.fine_tuning.jobs.create(model=BASE, training_file=book)
    assert client.fine_tuning.jobs.create(model=BASE, training_file=book, suffix=None, metadata=None).id == first.id


def an_equal_post_makes_no_second_job(wire: Wire) -> None:
    """An equal request shortly after another answers with the first one's job."""
    book, suffix = wire.book(), unique("same")
    assert len({wire.job(training_file=book, suffix=suffix).id for _ in range(3)}) == 1
    assert wire.job(training_file=book, suffix=unique("other")).id != wire.job(training_file=book, suffix=suffix).id


def equal_posts_at_once_make_one_job(wire: Wire) -> None:
    """Equal requests of several threads make one job."""
    book, suffix = wire.book(), unique("same")
    with ThreadPoolExecutor(8) as pool:
        jobs = list(pool.map(lambda _: wire.job(training_file=book, suffix=suffix).id, range(8)))
    assert len(set(jobs)) == 1


def an_equal_post_after_a_cancel_makes_another(wire: Wire) -> None:
    """A cancelled job answers no new request."""
    book, suffix = wire.book(), unique("same")
    first = wire.job(training_file=book, suffix=suffix)
    wire.client().fine_tuning.jobs.cancel(first.id)
    assert wire.job(training_file=book, suffix=suffix).id != first.id


def an_idempotency_key_names_one_job(wire: Wire) -> None:
    """The same Idempotency-Key gives the same job; another key another one, though the body is equal."""
    book, suffix, key = wire.book(), unique("same"), {"Idempotency-Key": unique("key")}
    first = wire.job(training_file=book, suffix=suffix, extra_headers=key)
    assert wire.job(training_file=book, suffix=suffix, extra_headers=key).id == first.id
    other = {"Idempotency-Key": unique("key")}
    assert wire.job(training_file=book, suffix=suffix, extra_headers=other).id != first.id


def an_idempotency_key_with_another_body_is_a_conflict(wire: Wire) -> None:
    """A key that named another request is a 409 that is not retried."""
    book, key = wire.book(), {"Idempotency-Key": unique("key")}
    wire.job(training_file=book, extra_headers=key)
    error = refused(openai.ConflictError, lambda: wire.job(training_file=book, extra_headers=key), "conflict")
    assert error.response.headers["x-should-retry"] == "false"


def an_unknown_job_is_not_found(wire: Wire) -> None:
    """Every call of a job that does not exist is a 404."""
    jobs = wire.client().fine_tuning.jobs
    calls: list[Any] = [jobs.retrieve, jobs.cancel, jobs.pause, jobs.resume, jobs.list_events, jobs.checkpoints.list]
    for call in calls:
        refused(openai.NotFoundError, lambda call=call: call("ftjob-none"), "job_not_found")


def a_failed_job_says_why(wire: Wire) -> None:
    """A file that cannot be trained on fails the job, with code, message and param."""
    job = wire.job()
    wire.worker(f"{job.id}/begin")
    wire.worker(f"{job.id}/end", reason="The manuscript is empty.")
    failed = wire.client().fine_tuning.jobs.retrieve(job.id)
    assert (failed.status, failed.fine_tuned_model) == ("failed", None)
    assert failed.error is not None
    assert (failed.error.code, failed.error.param) == ("invalid_training_file", "training_file")
    assert "empty" in failed.error.message
    assert failed.finished_at is not None


def a_job_that_succeeded_names_its_model(wire: Wire) -> None:
    """A job that succeeded has `fine_tuned_model` in OpenAI's form."""
    finished = wire.worker("finished", suffix="my-voice")
    job = wire.client().fine_tuning.jobs.retrieve(finished["job"])
    assert job.status == "succeeded"
    assert job.fine_tuned_model == f"ft:{BASE}:scriptorium:my-voice:{job.id.removeprefix('ftjob-')}"
    assert job.finished_at is not None
