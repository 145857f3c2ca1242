"""What each call takes, answers with and refuses: a line each. Whatever is not listed has only the general errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True)
class Operation:
    """The type of a call's answer, its errors beyond the general ones, and its body if its route takes any JSON."""

    answer: Any
    errors: Errors = ()
    body: Any = None


JOB: Errors = (JobMissing,)
ENDED: Errors = (JobMissing, Conflict)
UPLOAD: Errors = (UploadMissing, Conflict)
NEW_FILE: Errors = (FileTooLarge, DiskLow, DiskFull)
MODEL: Errors = (ModelMissing,)
NEW_JOB: Errors = (InvalidRecipe, InvalidValidationFile, FileMissing, ModelMissing)
AGAIN: Errors = (*NEW_JOB, JobMissing, Conflict, DiskLow, DiskFull)
CHAT: Errors = (ModelMissing, ModelNotReady, DeviceBusy, EngineFailed)
JOBS, JOB_PATH = "/v1/fine_tuning/jobs", "/v1/fine_tuning/jobs/{job_id}"

OPERATIONS = {
    "POST /v1/files": Operation(FileAnswer, NEW_FILE),
    "GET /v1/files": Operation(PageOf[FileAnswer]),
    "GET /v1/files/{file_id}": Operation(FileAnswer, (FileMissing,)),
    "GET /v1/files/{file_id}/content": Operation(None, (FileMissing,)),
    "DELETE /v1/files/{file_id}": Operation(DeletedObject, (FileMissing, Conflict)),
    "POST /v1/uploads": Operation(UploadAnswer, NEW_FILE),
    "GET /v1/uploads/{upload_id}": Operation(UploadAnswer, (UploadMissing,)),
    "POST /v1/uploads/{upload_id}/parts": Operation(PartAnswer, UPLOAD + NEW_FILE),
    "POST /v1/uploads/{upload_id}/complete": Operation(UploadAnswer, (*UPLOAD, DiskFull)),
    "POST /v1/uploads/{upload_id}/cancel": Operation(UploadAnswer, UPLOAD),
    f"POST {JOBS}": Operation(JobAnswer, (*NEW_JOB, Conflict, DiskLow, DiskFull), CreateJob),
    f"GET {JOBS}": Operation(PageOf[JobAnswer]),
    f"GET {JOB_PATH}": Operation(JobAnswer, JOB),
    f"DELETE {JOB_PATH}": Operation(DeletedObject, ENDED),
    f"POST {JOB_PATH}/cancel": Operation(JobAnswer, ENDED),
    f"POST {JOB_PATH}/pause": Operation(JobAnswer, ENDED),
    f"POST {JOB_PATH}/resume": Operation(JobAnswer, ENDED),
    f"GET {JOB_PATH}/events": Operation(PageOf[EventAnswer], JOB),
    f"GET {JOB_PATH}/checkpoints": Operation(PageOf[CheckpointAnswer], JOB),
    "POST /v1/x/estimate": Operation(
        TrainingEstimate, (*NEW_JOB, InvalidTrainingFile, BaseModelUnusable), EstimateRequest
    ),
    "POST /v1/x/jobs/{job_id}/rerun": Operation(JobAnswer, AGAIN),
    "POST /v1/x/jobs/{job_id}/clone": Operation(JobAnswer, AGAIN, CloneJob),
    "PUT /v1/x/jobs/{job_id}/tags": Operation(JobAnswer, JOB),
    "POST /v1/x/jobs/{job_id}/tags": Operation(JobAnswer, JOB),
    "GET /v1/x/search": Operation(PageOf[JobAnswer | FileAnswer]),
    "GET /v1/x/compare": Operation(JobComparison, ENDED),
    "GET /v1/x/disk_use": Operation(DiskUse),
    "GET /v1/x/jobs/{job_id}/decisions": Operation(PageOf[DecisionAnswer], JOB),
    "POST /v1/x/jobs/{job_id}/decisions/{kind}": Operation(JobAnswer, ENDED),
    "GET /v1/x/webhook_deliveries": Operation(PageOf[DeliveryAnswer]),
    "POST /v1/x/webhook_deliveries": Operation(PageOf[DeliveryAnswer], (Conflict,)),
    "GET /v1/x/notice_deliveries": Operation(PageOf[DeliveryAnswer]),
    "POST /v1/x/notice_deliveries": Operation(PageOf[DeliveryAnswer], (Conflict,)),
    "GET /v1/models": Operation(PageOf[ModelAnswer]),
    "GET /v1/models/{model}": Operation(ModelAnswer, MODEL),
    "DELETE /v1/models/{model}": Operation(DeletedObject, (ModelMissing, ModelInUse)),
    "POST /v1/x/models/{model}/warm": Operation(ModelAnswer, MODEL),
    "DELETE /v1/x/models/{model}/warm": Operation(ModelAnswer, MODEL),
    "POST /v1/chat/completions": Operation(EngineAnswer, CHAT, ChatRequest),
    "POST /v1/completions": Operation(EngineAnswer, CHAT, CompletionRequest),
}
