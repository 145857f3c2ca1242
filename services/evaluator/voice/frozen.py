"""What every result is made of: fields that cannot change, and JSON as it stands."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A result; unknown fields are an error, and a number that could not be measured is None, never NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
