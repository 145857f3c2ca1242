"""Serving: endpoints, what it is asked, and how near the merge is to its adapter."""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts.checkpoint_losses import Base
from scriptorium.contracts.base import Contract


class Endpoint(Contract):
    """Where a served model answers: an engine's base URL (without /v1) and the model's name there."""

    url: str
    model: str


class ServeRequest(Contract):
    """The two models that must answer side by side, and the names under which they do.

    `measured` says what base and adapter said, not merged (see
    `scriptorium.artifacts.checkpoint_losses`); the merged model, which has the base `merged_on`, must say the same.
    """

    base: Path
    base_name: str
    merged: Path
    adapter: Path
    tuned_name: str
    measured: Path | None = None
    merged_on: Base = "stored"


class Agreement(Contract):
    """Merged model against base and adapter: the share of equal likeliest tokens, the mean difference in nats.

    `effect` is how much of what the adapter changes is in the merged model: 1 is all of it, 0 is the base, 2 is twice.
    None where the adapter changes too little to tell.
    """

    tokens: int
    token_agreement: float
    mean_difference: float
    effect: float | None


class ServeResult(Contract):
    """Both endpoints, the tuned model's answer to the canary prompt, and how near the merge is to its adapter."""

    base: Endpoint
    tuned: Endpoint
    canary: str
    seconds: float
    agreement: Agreement | None = None
