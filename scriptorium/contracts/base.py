"""What every value that travels between rooms has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Contract(BaseModel):
    """An immutable value that rejects keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")
