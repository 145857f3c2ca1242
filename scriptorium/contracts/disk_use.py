"""What lies on the disk: bytes by kind, and the jobs whose runs take most of them."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from scriptorium.contracts.base import Contract


class DiskUseKind(StrEnum):
    """The kinds of what lies in the data folder, and in those of models and caches that are elsewhere."""

    RUNS = "runs"
    UPLOADS = "uploads"
    MODELS = "models"
    CACHES = "caches"
    LOGS = "logs"
    OTHER = "other"


class KindUse(Contract):
    """The bytes of one kind."""

    kind: DiskUseKind
    bytes: int


class RunUse(Contract):
    """The bytes of one job's run, result files included."""

    job: str
    bytes: int


class DiskUse(Contract):
    """The bytes on the disk, a file with several names once; `free_bytes` is what the disk of the data has left."""

    object: Literal["disk_use"] = "disk_use"
    total_bytes: int
    free_bytes: int
    kinds: list[KindUse]
    jobs: list[RunUse] = Field(description="The largest runs, largest first.")
