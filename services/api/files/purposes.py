"""What a file is for and how long it stays: the values that both kinds of upload take."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from scriptorium.contracts.base import JsonNumber

Purpose = Literal["fine-tune", "user_data", "assistants", "batch", "vision", "evals"]
Lifetime = Annotated[int, Field(ge=3600, le=30 * 24 * 3600)]  # seconds, as the hosted service has it


class ExpiresAfter(BaseModel):
    """When a file is removed: some seconds after it was made."""

    model_config = ConfigDict(extra="forbid")

    anchor: Literal["created_at"]
    seconds: Annotated[Lifetime, JsonNumber]
