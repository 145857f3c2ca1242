"""Every failure that a user may meet, as a tree. Each leaf has a code and an HTTP status, and may have a next step.

ScriptoriumError
├── UserError                  400  the request or the input must change
│   ├── InvalidRequest         400  invalid_request
│   ├── InvalidRecipe          400  invalid_recipe
│   ├── InvalidTrainingFile    400  invalid_training_file
│   ├── InvalidValidationFile  400  invalid_validation_file
│   ├── TooFewExamples         400  invalid_n_examples
│   ├── FileTooLarge           413  file_too_large
│   ├── BodyTooLarge           413  request_too_large
│   ├── InvalidKey             401  invalid_api_key
│   ├── InsufficientScope      403  insufficient_scope
│   ├── RateLimited            429  rate_limit_exceeded
│   ├── ForeignHost            403  foreign_host
│   ├── CrossSiteRequest       403  cross_site_request
│   ├── KeyMissing             404  key_not_found
│   ├── FileMissing            404  file_not_found
│   ├── UploadMissing          404  upload_not_found
│   ├── JobMissing             404  job_not_found
│   ├── ModelMissing           404  model_not_found
│   ├── RouteMissing           404  not_found
│   ├── PathUnusable           400  path_unusable
│   ├── MethodNotAllowed       405  method_not_allowed
│   ├── WrongContentType       415  unsupported_media_type
│   ├── NotOffered             404  not_offered
│   ├── ModelInUse             409  model_in_use
│   └── Conflict               409  conflict
├── SystemFailure              500  the system must change; the job can be retried
│   ├── EnvironmentMissing     500  environment_missing
│   ├── BaseModelUnusable      409  base_model_unusable
│   ├── TrainingFailed         500  training_failed
│   ├── TrainingDiverged       500  training_diverged
│   ├── TrainingStalled        500  training_stalled
│   ├── TrainingKilled         500  training_killed
│   ├── OutOfMemory            500  out_of_memory
│   ├── ModelTooLarge          500  model_too_large
│   ├── MachineOutOfMemory     500  machine_out_of_memory
│   ├── DriverMismatch         500  driver_mismatch
│   ├── MergeFailed            500  merge_failed
│   ├── EngineFailed           500  engine_failed
│   ├── EvaluationFailed       500  evaluation_failed
│   ├── AttemptsExhausted      500  attempts_exhausted
│   ├── StackFailed            500  stack_failed
│   ├── DiskFull               507  disk_full
│   ├── DiskLow                507  disk_low
│   ├── MemoryLow              507  memory_low
│   ├── ModelUnavailable       503
│   │   ├── ModelNotReady      503  model_not_ready
│   │   └── DeviceBusy         503  gpu_busy
│   ├── StoreUnavailable       503  store_unavailable
│   └── InternalError          500  internal_error
└── Stopped                         not a failure: the phase was asked to stop
    ├── Cancelled                   by the user
    ├── Interrupted                 by a shutdown; the phase saves its work and resumes later
    │   └── Paused                  by the user, who says when it resumes
    ├── DecisionNeeded              by a question that a person must answer first
    └── LeaseLost                   to another attempt, which took over
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VALIDATION_FILE = "validation_file"
UNION_ARM = re.compile(
    r"int|float|str|constrained-\w+|function-before\[.*\]|literal\[.*\]"
)  # pydantic's names for the arms of a union


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its place (file, line, row or field) and a message."""

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


class ScriptoriumError(Exception):
    """The root of the tree; `str(error)` is the message with every problem."""

    code = "internal_error"
    status = 500
    default_next_step: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        next_step: str | None = None,
        problems: Sequence[Problem] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param or (problems[0].place if problems else None)
        self.next_step = next_step or self.default_next_step
        self.problems = tuple(problems)

    def __str__(self) -> str:
        lines = [self.message, *(f"- {problem}" for problem in self.problems)]
        return "\n".join(lines)


class UserError(ScriptoriumError):
    """The request or the input must change."""

    code = "invalid_request"
    status = 400


class InvalidRequest(UserError):
    """A field of a request is missing, unknown or out of range."""

    default_next_step = "Change what is named: docs/api.md has every call and its fields."


class InvalidRecipe(UserError):
    """A recipe is missing or unreadable, or has invalid keys or values."""

    code = "invalid_recipe"
    default_next_step = "Compare it with the recipes in recipes/."


class InvalidTrainingFile(UserError):
    """A manuscript is empty, unreadable or of an unsupported format."""

    code = "invalid_training_file"
    default_next_step = "Send a .txt, .md, .docx, .epub, .html or .jsonl file, or a .zip of these; see docs/data.md."


class InvalidValidationFile(UserError):
    """A validation file is empty, unreadable, of an unsupported format, or the manuscript itself."""

    code = "invalid_validation_file"
    default_next_step = "Send other text by the author in a format of a manuscript, or leave validation_file out."

    def __init__(
        self, message: str, *, param: str | None = None, next_step: str | None = None, problems: Sequence[Problem] = ()
    ) -> None:
        super().__init__(message, param=param or VALIDATION_FILE, next_step=next_step, problems=problems)


class TooFewExamples(UserError):
    """A manuscript is readable but too short to train on."""

    code = "invalid_n_examples"
    default_next_step = "Send more text or more rows, or choose a recipe with shorter passages."


class FileTooLarge(UserError):
    """An upload is over the limit."""

    code = "file_too_large"
    status = 413
    default_next_step = "Split the file, or raise SCRIPTORIUM_MAX_UPLOAD_BYTES."


class BodyTooLarge(UserError):
    """The JSON of a request is over the limit."""

    code = "request_too_large"
    status = 413
    default_next_step = "Upload long texts as files with POST /v1/files."


class InvalidKey(UserError):
    """The request has no key of the API, or one that is unknown, revoked or expired."""

    code = "invalid_api_key"
    status = 401
    default_next_step = (
        "Send a valid key as `Authorization: Bearer sk-scr-...`, or set SCRIPTORIUM_API_KEY for the command line; "
        "`scriptorium keys create NAME` makes one."
    )


class InsufficientScope(UserError):
    """The key is valid, but may not do this."""

    code = "insufficient_scope"
    status = 403
    default_next_step = "Use a key that has the scope: `scriptorium keys create NAME --scope ...` makes one."


class RateLimited(UserError):
    """The key has sent as many requests in this minute as it may."""

    code = "rate_limit_exceeded"
    status = 429
    default_next_step = "Wait as long as Retry-After says, or make a key with a higher limit."


class ForeignHost(UserError):
    """While there are no keys, the API answers only to names of this machine."""

    code = "foreign_host"
    status = 403
    default_next_step = (
        "Ask 127.0.0.1 or localhost, add the name to SCRIPTORIUM_API_HOSTS, or create a key: "
        "`scriptorium keys create NAME`."
    )


class CrossSiteRequest(UserError):
    """A page of another site has sent this from a browser."""

    code = "cross_site_request"
    status = 403
    default_next_step = "Open the API's own pages, or send a key in the header Authorization."


class KeyMissing(UserError):
    """There is no key with this id."""

    code = "key_not_found"
    status = 404
    default_next_step = "List the keys: `scriptorium keys list`."


class FileMissing(UserError):
    """There is no file with this id."""

    code = "file_not_found"
    status = 404
    default_next_step = "List the files: `scriptorium files`, or GET /v1/files."


class UploadMissing(UserError):
    """There is no upload in parts with this id."""

    code = "upload_not_found"
    status = 404
    default_next_step = "Begin one with POST /v1/uploads."


class JobMissing(UserError):
    """There is no job with this id."""

    code = "job_not_found"
    status = 404
    default_next_step = "List the jobs: `scriptorium jobs`, or GET /v1/fine_tuning/jobs."


class ModelMissing(UserError):
    """There is no model with this name, on the volume or served."""

    code = "model_not_found"
    status = 404
    default_next_step = "List the models: `scriptorium models`, or GET /v1/models."


class RouteMissing(UserError):
    """There is nothing at this address."""

    code = "not_found"
    status = 404
    default_next_step = "See docs/api.md for every call."


class PathUnusable(UserError):
    """A file or folder cannot be read or written."""

    code = "path_unusable"
    default_next_step = "Check the path, who may write there, and the free space; or name another one."


class MethodNotAllowed(UserError):
    """The address takes other methods; the header Allow lists them."""

    code = "method_not_allowed"
    status = 405
    default_next_step = "See docs/api.md for every call."


class WrongContentType(UserError):
    """The body has another content type than the call takes."""

    code = "unsupported_media_type"
    status = 415
    default_next_step = "Send the content type that the message names."


class NotOffered(UserError):
    """A call or a field of OpenAI's API that this one does not have."""

    code = "not_offered"
    status = 404
    default_next_step = "See docs/api.md for every call."


class Conflict(UserError):
    """The request conflicts with the current state of the resource."""

    code = "conflict"
    status = 409
    default_next_step = "Read its present state, then decide anew."


class SystemFailure(ScriptoriumError):
    """The system must change; the input may be fine."""


class EnvironmentMissing(SystemFailure):
    """A tool that a phase needs is not installed."""

    code = "environment_missing"
    default_next_step = "Run `make setup`."


class BaseModelUnusable(SystemFailure):
    """The base model is incomplete or cannot be downloaded."""

    code = "base_model_unusable"
    status = 409  # of a request that names it: the server is as it should be
    default_next_step = "Name another base model, or fetch this one whole: `scriptorium models` lists what is there."


class TrainingFailed(SystemFailure):
    """Axolotl ended without producing a model."""

    code = "training_failed"
    default_next_step = "Read the training log (`scriptorium logs trainer`)."


class TrainingDiverged(SystemFailure):
    """The loss became NaN or infinite, or rose far above its start, before there was a good checkpoint."""

    code = "training_diverged"
    default_next_step = "Halve learning_rate in the recipe, then create the job again."


class TrainingStalled(SystemFailure):
    """Training made no progress for a long time, more than once at the same place."""

    code = "training_stalled"
    default_next_step = (
        "Look whether other programs use the device, and read the training log (`scriptorium logs trainer`). "
        "SCRIPTORIUM_STALL_TIMEOUT says how long is too long."
    )


class TrainingKilled(SystemFailure):
    """Another program killed the training, more than once at the same place."""

    code = "training_killed"
    default_next_step = (
        "Look in the machine's log (`dmesg`, `journalctl`) for what killed it, then create the job again."
    )


class OutOfMemory(SystemFailure):
    """Training ran out of the device's memory."""

    code = "out_of_memory"
    default_next_step = (
        "Lower sequence_len (4096 to 2048) or lora_r (64 to 32) in the recipe, then create the job again."
    )


class ModelTooLarge(SystemFailure):
    """The base model does not fit into the device's memory: nothing of a row was trained."""

    code = "model_too_large"
    default_next_step = "Close what else uses the GPU, or choose the recipe qlora or a smaller base model."


class MachineOutOfMemory(SystemFailure):
    """Training ran out of the machine's memory, not of the GPU's."""

    code = "machine_out_of_memory"
    default_next_step = (
        "Close other programs; under WSL 2 give Linux more (memory=48GB in .wslconfig). Then create the job again."
    )


class DriverMismatch(SystemFailure):
    """The GPU, its driver and PyTorch do not fit together."""

    code = "driver_mismatch"
    default_next_step = "Run `scriptorium doctor`: it names the driver that this version needs."


class MergeFailed(SystemFailure):
    """The adapter does not fit the base model, or the merged model failed its checks."""

    code = "merge_failed"
    default_next_step = "Merge another checkpoint, or train again."


class EngineFailed(SystemFailure):
    """vLLM did not start or did not answer."""

    code = "engine_failed"
    default_next_step = "Read the engine's log (`scriptorium logs server`)."


class EvaluationFailed(SystemFailure):
    """The evaluation could not be completed."""

    code = "evaluation_failed"
    default_next_step = "Let the phase run again; if it fails anew, read `scriptorium logs evaluator`."


class AttemptsExhausted(SystemFailure):
    """The worker of a phase died too many times."""

    code = "attempts_exhausted"
    default_next_step = "Read the service's log, then create the job again."


class StackFailed(SystemFailure):
    """The local stack could not be started or stopped."""

    code = "stack_failed"
    default_next_step = "Read the logs: `scriptorium logs SERVICE`; `scriptorium doctor` checks the machine."


class DiskFull(SystemFailure):
    """There is no space left on the volume."""

    code = "disk_full"
    status = 507
    default_next_step = "Free some space on the volume, then create the job again."


class DiskLow(SystemFailure):
    """Too little space is left on the volume for new work; running jobs go on."""

    code = "disk_low"
    status = 507
    default_next_step = "Run `scriptorium prune`, or delete jobs that are not needed: `scriptorium delete JOB`."


class MemoryLow(SystemFailure):
    """A training is planned to need more memory than its device has free; it was not started."""

    code = "memory_low"
    status = 507
    default_next_step = "Lower training.micro_batch_size or training.sequence_len, or take a smaller base."


class ModelUnavailable(SystemFailure):
    """The model is known, and should answer later; `retry_after` is in seconds."""

    status = 503

    def __init__(
        self, message: str, *, param: str | None = None, next_step: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, param=param, next_step=next_step)
        self.retry_after = retry_after


class ModelNotReady(ModelUnavailable):
    """The model is known, but no engine is serving it at the moment."""

    code = "model_not_ready"
    default_next_step = "Try again after the number of seconds in Retry-After."


class DeviceBusy(ModelUnavailable):
    """A job has the device that the model would be served on."""

    code = "gpu_busy"
    default_next_step = (
        "Try again after the number of seconds in Retry-After, or send the header X-Scriptorium-Wait with the number "
        "of seconds that the request may wait."
    )


class ModelInUse(UserError):
    """A model cannot be deleted while somebody needs it."""

    code = "model_in_use"
    status = 409
    default_next_step = (
        "Let it go (`scriptorium serve MODEL --release`, or DELETE /v1/x/models/{model}/warm), wait a minute, and "
        "delete it again."
    )


class StoreUnavailable(SystemFailure):
    """Redis does not answer."""

    code = "store_unavailable"
    status = 503
    default_next_step = "Check that the stack is running (`scriptorium status`)."


class InternalError(SystemFailure):
    """An unexpected error; the log has the traceback."""

    default_next_step = "Read the service's log and report the error."


class Stopped(ScriptoriumError):
    """A phase was asked to stop; not a failure."""


class Cancelled(Stopped):
    """The user cancelled the job."""


class Interrupted(Stopped):
    """The worker is shutting down; the phase saves its work and resumes later."""


class Paused(Interrupted):
    """The user paused the job; the phase saves its work and resumes once the user says so."""


class DecisionNeeded(Stopped):
    """A person must answer a question first; the phase then resumes."""


class LeaseLost(Stopped):
    """Another attempt holds the phase now; this one must not publish."""


def leaves(root: type[ScriptoriumError] = ScriptoriumError) -> Iterator[type[ScriptoriumError]]:
    """Yield every error class of this module below `root` that has no children."""
    children = [child for child in root.__subclasses__() if child.__module__ == __name__]
    if not children:
        yield root
    for child in children:
        yield from leaves(child)


def explain(entry: Mapping[str, object]) -> str:
    """Return pydantic's message about one value, without the prefix that it adds to our own messages."""
    return str(entry["msg"]).removeprefix("Value error, ")


def list_problems(entries: Sequence[Mapping[str, Any]], whole: str) -> list[Problem]:
    """Return pydantic's errors as one problem for each field; `whole` is the place of an error of the whole."""
    messages: dict[str, list[str]] = {}
    for entry in entries:
        place = field_name([str(part) for part in entry["loc"]]) or whole
        messages.setdefault(place, []).append(explain(entry))
    return [Problem(place, "; or ".join(alternatives)) for place, alternatives in messages.items()]


def field_name(path: Sequence[str]) -> str:
    """Return a field's name from pydantic's path, which may end with an arm of a union, such as "int"."""
    return ".".join(path[:-1] if len(path) > 1 and UNION_ARM.fullmatch(path[-1]) else path)
