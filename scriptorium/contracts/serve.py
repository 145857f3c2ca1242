"""Serving: endpoints, its request and result, and the agreement of the merged model with its adapter."""

from __future__ import annotations

from pathlib import Path

from scriptorium.artifacts.checkpoint_losses import BaseVariant
from scriptorium.contracts.base import Contract


class Endpoint(Contract):
    """A served model: the base URL of its engine (without /v1) and the model's name there."""

    url: str
    model: str


class ServeRequest(Contract):
    """The two models to serve side by side, their served names, and the job that needs them, with its rank.

    `measured` is the path of the losses of base and adapter before merging (see
    `scriptorium.artifacts.checkpoint_losses`); the merged model, which has the base `merged_on`, must reproduce them.
    The tuned model writes at `temperature` if a request names none. `round` is the job's: an engine that loaded the
    model of another round is not asked, although name and folder are the same.
    """

    base: Path
    base_name: str
    merged: Path
    adapter: Path
    tuned_name: str
    measured: Path | None = None
    merged_on: BaseVariant = "stored"
    temperature: float | None = None
    job_id: str = ""
    rank: float = 0.0
    round: int = 1


class Agreement(Contract):
    """The merged model against base and adapter: the share of equal likeliest tokens, the mean difference in nats.

    `effect` is how much of the adapter's change is in the merged model: 1 is all of it, 0 none, 2 twice as much; None
    if the adapter changes too little to tell.
    """

    tokens: int
    token_agreement: float
    mean_difference: float
    effect: float | None


class ServeResult(Contract):
    """Both endpoints, the tuned model's answer to the canary prompt, and its agreement with base and adapter."""

    base: Endpoint
    tuned: Endpoint
    canary: str
    seconds: float
    agreement: Agreement | None = None
