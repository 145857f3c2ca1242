"""What several contracts share: their base class, numbers of JSON, and a turn of a chat."""

from __future__ import annotations

from typing import Literal, NotRequired

from pydantic import BaseModel, BeforeValidator, ConfigDict
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12


class Contract(BaseModel):
    """An immutable value that rejects unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def check_number(value: object) -> object:
    """Return a value of JSON. Raises ValueError for a text or a boolean, which pydantic would take for a number."""
    if isinstance(value, str | bytes | bool):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic collects ValueErrors
    return value


JsonNumber = BeforeValidator(check_number)
Answerer = Literal["person", "policy", "nobody"]  # of a question; the policy is the recipe's


class Message(TypedDict):
    """One turn of a chat; `training` is False on an answer that is context only and not trained on."""

    role: Literal["system", "user", "assistant"]
    content: str
    training: NotRequired[bool]
