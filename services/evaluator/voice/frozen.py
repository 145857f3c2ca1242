"""What all results of the metric have in common."""

from __future__ import annotations

from pydantic import ConfigDict

from scriptorium.contracts import Contract


class Frozen(Contract):
    """A result; a number that could not be measured is None, never NaN."""

    model_config = ConfigDict(allow_inf_nan=False)
