"""What several contracts share: their base class, and a turn of a chat."""

from __future__ import annotations

from typing import Literal, NotRequired

from pydantic import BaseModel, ConfigDict
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class Contract(BaseModel):
    """An immutable value that rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Message(TypedDict):
    """One turn of a chat; `training` is False on an answer that is context only and not trained on."""

    role: Literal["system", "user", "assistant"]
    content: str
    training: NotRequired[bool]
