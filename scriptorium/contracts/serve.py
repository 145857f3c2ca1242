"""Serving: endpoints, its request and result, and the proof of what is served."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from scriptorium.artifacts.checkpoint_losses import BaseVariant
from scriptorium.contracts.base import Contract


class Endpoint(Contract):
    """A served model: its engine's base URL (without /v1), its name there, and a key, which is never shown."""

    url: str
    model: str
    key: SecretStr = SecretStr("")


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
    """A served model against base and adapter: the share of equal likeliest tokens, the mean difference in nats.

    `effect` is how much of the adapter's change is in the served model, with its standard error `effect_error`: 1 is
    all of it, 0 none, 2 twice as much; None if the adapter changes too little to tell. `adapter_change` is what the
    adapter changes by itself, `served_change` what the served model changes against the base beside it (None if there
    was none), in nats per token on average.
    """

    tokens: int
    token_agreement: float
    mean_difference: float
    effect: float | None
    effect_error: float | None = None
    adapter_change: float = 0.0
    served_change: float | None = None


class TokenIds(Contract):
    """Chats whose token ids were the same in training and serving, and their begin-of-text tokens (0: it has none)."""

    chats: int
    tokens: int
    begin_of_text: int


class AnswerEndings(Contract):
    """How many answers to short prompts ended by themselves, within `max_tokens`."""

    questions: int
    ended: int
    max_tokens: int


class ServeProof(Contract):
    """What was found out about a tuned model before its job could succeed.

    `canary` is its answer to a prompt, `agreement` that of the merged model with base and adapter; `adapter` that of
    the adapter itself, where the engine serves it over its base.
    """

    canary: str
    agreement: Agreement | None = None
    adapter: Agreement | None = None
    token_ids: TokenIds | None = None
    endings: AnswerEndings | None = None


class ServeResult(ServeProof):
    """Both endpoints, how long it took until they answered, and the proof of the tuned one."""

    base: Endpoint
    tuned: Endpoint
    seconds: float
