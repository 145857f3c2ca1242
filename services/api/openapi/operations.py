"""What each call takes, answers with and refuses: a line each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scriptorium.contracts.delivery import AnnouncementType
from scriptorium.contracts.disk_use import DiskUse
from scriptorium.contracts.estimate import TrainingEstimate
from scriptorium.errors import (
    BaseModelUnusable,
    Conflict,
    DeviceBusy,
    DiskFull,
    DiskLow,
    EngineFailed,
    FileMissing,
    FileTooLarge,
    InvalidRecipe,
    InvalidTrainingFile,
    InvalidValidationFile,
    JobMissing,
    ModelInUse,
    ModelMissing,
    ModelNotReady,
    ScriptoriumError,
    UploadMissing,
)
from services.api.comparison.comparison import JobComparison
from services.api.fine_tuning.clones import CloneJob
from services.api.fine_tuning.estimates import EstimateRequest
from services.api.fine_tuning.job_request import CreateJob
from services.api.openapi.extension_objects import (
    CheckpointSamplesAnswer,
    EngineTargets,
    HealthAnswer,
    PruneAnswer,
    QualityAnswer,
    ReadingAnswer,
    TallyAnswer,
)
from services.api.openapi.wire_objects import (
    ChatRequest,
    CheckpointAnswer,
    CompletionRequest,
    DecisionAnswer,
    DeletedObject,
    DeliveryAnswer,
    EngineAnswer,
    EventAnswer,
    FileAnswer,
    JobAnswer,
    ModelAnswer,
    PageOf,
    PartAnswer,
    UploadAnswer,
)

Errors = tuple[type[ScriptoriumError], ...]

JSON = "application/json"
HTML = "text/html"
BYTES = "application/octet-stream"
EVENT_STREAM = "text/event-stream"


@dataclass(frozen=True)
class Operation:
    """The type of a call's answer, its errors beyond the general ones, and its body if its route takes any JSON.

    `media` lists the content types of the answer; one that is not JSON has no type. `status` is that of success, and
    `others` are statuses with the same answer. `example` is a body that a test sends.
    """

    answer: Any
    errors: Errors = ()
    body: Any = None
    media: tuple[str, ...] = (JSON,)
    status: int = 200
    others: tuple[int, ...] = ()
    example: dict[str, Any] | None = None


JOB: Errors = (JobMissing,)
ENDED: Errors = (JobMissing, Conflict)
UPLOAD: Errors = (UploadMissing, Conflict)
NEW_FILE: Errors = (FileTooLarge, DiskLow, DiskFull)
MODEL: Errors = (ModelMissing,)
NEW_JOB: Errors = (InvalidRecipe, InvalidValidationFile, FileMissing, ModelMissing)
AGAIN: Errors = (*NEW_JOB, JobMissing, Conflict, DiskLow, DiskFull)
CHAT: Errors = (ModelMissing, BaseModelUnusable, ModelNotReady, DeviceBusy, EngineFailed)
NEW_UPLOAD = {"bytes": 62, "filename": "raven.txt", "mime_type": "text/plain", "purpose": "fine-tune"}
ALL_PARTS = {"part_ids": ["part_6613be7ab6c80130ef9fad2b77", "part_6613be7bb1c2d3e4f5a6b7c8d9"]}
NEW_JOB_EXAMPLE = {
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "training_file": "file-6613be70c12d3315db7b21c626",
    "suffix": "poe",
    "method": {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 3}}},
    "metadata": {"book": "tales"},
}
NEW_ESTIMATE = {
    "model": "meta-llama/Llama-3.1-8B-Instruct",
    "dataset": {"rows": 400, "tokens": 200_000, "longest_row": 900, "answer_tokens": 150_000},
}
READERS_ANSWER = {"reader": "Ann", "passage": 3, "closer": "A", "better": "cannot_tell"}
QUESTION = {
    "model": "ft:meta-llama/Llama-3.1-8B-Instruct:scriptorium:poe:6613be70c12d3315db7b21c626",
    "messages": [{"role": "user", "content": "Describe the house at dusk."}],
    "max_tokens": 300,
}
SAMPLE_EVENT = {"type": AnnouncementType.FAILED.value}
BEGINNING = {"model": QUESTION["model"], "prompt": "During the whole of a dull, dark day", "max_tokens": 300}
JOBS, JOB_PATH = "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{job_id}"

OPERATIONS = {
    "POST /v1/files": Operation(FileAnswer, NEW_FILE),
    "GET /v1/files": Operation(PageOf[FileAnswer]),
    "GET /v1/files/{file_id}": Operation(FileAnswer, (FileMissing,)),
    "GET /v1/files/{file_id}/content": Operation(None, (FileMissing,), media=(BYTES,)),
    "DELETE /v1/files/{file_id}": Operation(DeletedObject, (FileMissing, Conflict)),
    "POST /v1/uploads": Operation(UploadAnswer, NEW_FILE, example=NEW_UPLOAD),
    "GET /v1/uploads/{upload_id}": Operation(UploadAnswer, (UploadMissing,)),
    "POST /v1/uploads/{upload_id}/parts": Operation(PartAnswer, UPLOAD + NEW_FILE),
    "POST /v1/uploads/{upload_id}/complete": Operation(UploadAnswer, (*UPLOAD, DiskFull), example=ALL_PARTS),
    "POST /v1/uploads/{upload_id}/cancel": Operation(UploadAnswer, UPLOAD),
    f"POST {JOBS}": Operation(JobAnswer, (*NEW_JOB, Conflict, DiskLow, DiskFull), CreateJob, example=NEW_JOB_EXAMPLE),
    f"GET {JOBS}": Operation(PageOf[JobAnswer]),
    f"GET {JOB_PATH}": Operation(JobAnswer, JOB),
    f"DELETE {JOB_PATH}": Operation(DeletedObject, ENDED),
    f"POST {JOB_PATH}/cancel": Operation(JobAnswer, ENDED),
    f"POST {JOB_PATH}/pause": Operation(JobAnswer, ENDED),
    f"POST {JOB_PATH}/resume": Operation(JobAnswer, ENDED),
    f"GET {JOB_PATH}/events": Operation(PageOf[EventAnswer], JOB, media=(JSON, EVENT_STREAM)),
    f"GET {JOB_PATH}/checkpoints": Operation(PageOf[CheckpointAnswer], JOB),
    "POST /v1/x/estimate": Operation(
        TrainingEstimate, (*NEW_JOB, InvalidTrainingFile, BaseModelUnusable), EstimateRequest, example=NEW_ESTIMATE
    ),
    "POST /v1/x/jobs/{job_id}/rerun": Operation(JobAnswer, AGAIN),
    "POST /v1/x/jobs/{job_id}/clone": Operation(JobAnswer, AGAIN, CloneJob, example={"seed": 7}),
    "PUT /v1/x/jobs/{job_id}/tags": Operation(JobAnswer, JOB, example={"tags": ["draft", "second book"]}),
    "POST /v1/x/jobs/{job_id}/tags": Operation(JobAnswer, JOB, example={"add": ["best"], "remove": ["draft"]}),
    "GET /v1/x/search": Operation(PageOf[JobAnswer | FileAnswer]),
    "GET /v1/x/disk_use": Operation(DiskUse),
    "GET /v1/x/webhook_deliveries": Operation(PageOf[DeliveryAnswer]),
    "POST /v1/x/webhook_deliveries": Operation(PageOf[DeliveryAnswer], (Conflict,), example=SAMPLE_EVENT),
    "GET /v1/x/notice_deliveries": Operation(PageOf[DeliveryAnswer]),
    "POST /v1/x/notice_deliveries": Operation(PageOf[DeliveryAnswer], (Conflict,)),
    "GET /v1/x/compare": Operation(JobComparison, ENDED),
    "GET /v1/x/jobs/{job_id}/quality": Operation(QualityAnswer, ENDED),
    "GET /v1/x/jobs/{job_id}/checkpoint_samples": Operation(CheckpointSamplesAnswer, JOB),
    "GET /v1/x/jobs/{job_id}/reading": Operation(ReadingAnswer, ENDED),
    "POST /v1/x/jobs/{job_id}/reading": Operation(ReadingAnswer, ENDED, example=READERS_ANSWER),
    "GET /v1/x/jobs/{job_id}/reading/tally": Operation(TallyAnswer, ENDED),
    "GET /jobs/{job_id}/quality": Operation(None, ENDED, media=(HTML,)),
    "GET /jobs/{job_id}/samples": Operation(None, JOB, media=(HTML,)),
    "GET /jobs/{job_id}/report": Operation(None, ENDED, media=(HTML,)),
    "GET /jobs/{job_id}/read": Operation(None, ENDED, media=(HTML,)),
    "POST /jobs/{job_id}/read": Operation(None, ENDED, media=(), status=303),
    "POST /jobs/{job_id}/read/reader": Operation(None, ENDED, media=(), status=303),
    "GET /healthz": Operation(HealthAnswer, others=(503,)),
    "GET /metrics": Operation(None, media=("text/plain",)),
    "GET /metrics/engines": Operation(EngineTargets),
    "POST /v1/x/prune": Operation(PruneAnswer, example={"dry_run": True}),
    "GET /v1/x/jobs/{job_id}/decisions": Operation(PageOf[DecisionAnswer], JOB),
    "POST /v1/x/jobs/{job_id}/decisions/{kind}": Operation(JobAnswer, ENDED, example={"answer": "go_on"}),
    "GET /v1/models": Operation(PageOf[ModelAnswer]),
    "GET /v1/models/{model}": Operation(ModelAnswer, MODEL),
    "DELETE /v1/models/{model}": Operation(DeletedObject, (ModelMissing, ModelInUse)),
    "POST /v1/x/models/{model}/warm": Operation(ModelAnswer, (*MODEL, BaseModelUnusable)),
    "DELETE /v1/x/models/{model}/warm": Operation(ModelAnswer, (*MODEL, BaseModelUnusable)),
    "POST /v1/chat/completions": Operation(EngineAnswer, CHAT, ChatRequest, (JSON, EVENT_STREAM), example=QUESTION),
    "POST /v1/completions": Operation(EngineAnswer, CHAT, CompletionRequest, (JSON, EVENT_STREAM), example=BEGINNING),
}
