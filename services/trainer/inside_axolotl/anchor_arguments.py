"""What the anchor adds to Axolotl's configuration; Axolotl imports it by name, and validates it with its own keys."""

from __future__ import annotations

from pydantic import BaseModel


class AnchorArguments(BaseModel):
    """The weight of KL(base || tuned) beside the loss; 0 or None: no anchor."""

    kl_weight: float | None = None
