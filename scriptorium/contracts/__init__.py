"""Values that services exchange: jobs, events, checkpoints, and a request and a result per phase. Pydantic models only.

Every path in a request is absolute and is chosen by our code, never by a user. Every result fits into a manifest.
"""

from __future__ import annotations

from scriptorium.contracts.base import Contract
from scriptorium.contracts.calibrate import CalibrateRequest, CalibrateResult, TrialScore
from scriptorium.contracts.evaluate import EvaluateRequest, EvaluateResult, LossDrop, VoiceName, VoiceScore
from scriptorium.contracts.event import Event, EventType, Level
from scriptorium.contracts.files import StoredFile, Upload, UploadStatus
from scriptorium.contracts.job import (
    GO_ON_ANSWER,
    KEEP_ANSWER,
    STOP_ANSWER,
    Decision,
    DecisionKind,
    Hyperparameters,
    Integration,
    Job,
    JobError,
    Option,
    Phase,
    Status,
    WandbIntegration,
)
from scriptorium.contracts.merge import MergeProof, MergeRequest, MergeResult
from scriptorium.contracts.prepare import (
    BookSummary,
    Change,
    CleaningStep,
    Finding,
    FindingsDecision,
    PrepareRequest,
    PrepareResult,
    Severity,
    TokenStatistics,
)
from scriptorium.contracts.rounds import MAX_ROUNDS, MeasuredModel, NextRound, TrialChoice, best_round
from scriptorium.contracts.serve import (
    Agreement,
    AnswerEndings,
    Endpoint,
    ServeProof,
    ServeRequest,
    ServeResult,
    TokenIds,
)
from scriptorium.contracts.train import Checkpoint, DraftResult, ReplayResult, TrainRequest, TrainResult, WandbRequest

Result = PrepareResult | TrainResult | CalibrateResult | MergeResult | ServeResult | EvaluateResult
Request = PrepareRequest | TrainRequest | CalibrateRequest | MergeRequest | ServeRequest | EvaluateRequest

__all__ = [
    "GO_ON_ANSWER",
    "KEEP_ANSWER",
    "MAX_ROUNDS",
    "STOP_ANSWER",
    "Agreement",
    "AnswerEndings",
    "BookSummary",
    "CalibrateRequest",
    "CalibrateResult",
    "Change",
    "Checkpoint",
    "CleaningStep",
    "Contract",
    "Decision",
    "DecisionKind",
    "DraftResult",
    "Endpoint",
    "EvaluateRequest",
    "EvaluateResult",
    "Event",
    "EventType",
    "Finding",
    "FindingsDecision",
    "Hyperparameters",
    "Integration",
    "Job",
    "JobError",
    "Level",
    "LossDrop",
    "MeasuredModel",
    "MergeProof",
    "MergeRequest",
    "MergeResult",
    "NextRound",
    "Option",
    "Phase",
    "PrepareRequest",
    "PrepareResult",
    "ReplayResult",
    "Request",
    "Result",
    "ServeProof",
    "ServeRequest",
    "ServeResult",
    "Severity",
    "Status",
    "StoredFile",
    "TokenIds",
    "TokenStatistics",
    "TrainRequest",
    "TrainResult",
    "TrialChoice",
    "TrialScore",
    "Upload",
    "UploadStatus",
    "VoiceName",
    "VoiceScore",
    "WandbIntegration",
    "WandbRequest",
    "best_round",
]
