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

from scriptorium.errors.base import (
    Problem,
    ScriptoriumError,
    SystemFailure,
    UserError,
    leaves,
)
from scriptorium.errors.failures import (
    AttemptsExhausted,
    BaseModelUnusable,
    DeviceBusy,
    DiskFull,
    DiskLow,
    DriverMismatch,
    EngineFailed,
    EnvironmentMissing,
    EvaluationFailed,
    InternalError,
    MachineOutOfMemory,
    MemoryLow,
    MergeFailed,
    ModelNotReady,
    ModelTooLarge,
    ModelUnavailable,
    OutOfMemory,
    StackFailed,
    StoreUnavailable,
    TrainingDiverged,
    TrainingFailed,
    TrainingKilled,
    TrainingStalled,
)
from scriptorium.errors.requests import (
    VALIDATION_FILE,
    BodyTooLarge,
    Conflict,
    CrossSiteRequest,
    FileMissing,
    FileTooLarge,
    ForeignHost,
    InsufficientScope,
    InvalidKey,
    InvalidRecipe,
    InvalidRequest,
    InvalidTrainingFile,
    InvalidValidationFile,
    JobMissing,
    KeyMissing,
    MethodNotAllowed,
    ModelInUse,
    ModelMissing,
    NotOffered,
    PathUnusable,
    RateLimited,
    RouteMissing,
    TooFewExamples,
    UploadMissing,
    WrongContentType,
)
from scriptorium.errors.stops import (
    Cancelled,
    DecisionNeeded,
    Interrupted,
    LeaseLost,
    Paused,
    Stopped,
)
from scriptorium.errors.validation import (
    explain,
    field_name,
    list_problems,
)

__all__ = [
    "VALIDATION_FILE",
    "AttemptsExhausted",
    "BaseModelUnusable",
    "BodyTooLarge",
    "Cancelled",
    "Conflict",
    "CrossSiteRequest",
    "DecisionNeeded",
    "DeviceBusy",
    "DiskFull",
    "DiskLow",
    "DriverMismatch",
    "EngineFailed",
    "EnvironmentMissing",
    "EvaluationFailed",
    "FileMissing",
    "FileTooLarge",
    "ForeignHost",
    "InsufficientScope",
    "InternalError",
    "Interrupted",
    "InvalidKey",
    "InvalidRecipe",
    "InvalidRequest",
    "InvalidTrainingFile",
    "InvalidValidationFile",
    "JobMissing",
    "KeyMissing",
    "LeaseLost",
    "MachineOutOfMemory",
    "MemoryLow",
    "MergeFailed",
    "MethodNotAllowed",
    "ModelInUse",
    "ModelMissing",
    "ModelNotReady",
    "ModelTooLarge",
    "ModelUnavailable",
    "NotOffered",
    "OutOfMemory",
    "PathUnusable",
    "Paused",
    "Problem",
    "RateLimited",
    "RouteMissing",
    "ScriptoriumError",
    "StackFailed",
    "Stopped",
    "StoreUnavailable",
    "SystemFailure",
    "TooFewExamples",
    "TrainingDiverged",
    "TrainingFailed",
    "TrainingKilled",
    "TrainingStalled",
    "UploadMissing",
    "UserError",
    "WrongContentType",
    "explain",
    "field_name",
    "leaves",
    "list_problems",
]
