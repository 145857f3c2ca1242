"""The comparison of a served model with base and adapter: both score the same token ids.

After training each checkpoint scored them unmerged, in Axolotl's environment (see
`scriptorium.artifacts.checkpoint_losses`). The serving engine is another program with kernels of its own, so the
numbers differ by rounding, and the limits leave room for that. Where the base answers beside the model, its scores by
the same program are asked as well: rounding that both share cancels out, and an adapter that the engine has loaded
without effect leaves no difference at all.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import numpy as np
from numpy.typing import NDArray

from scriptorium.artifacts.checkpoint_losses import BaseVariant, ReferenceTokens, read_checkpoint_losses
from scriptorium.contracts import Agreement, Endpoint, Level, ServeRequest
from scriptorium.errors import EngineFailed, MergeFailed
from scriptorium.jobs.reporter import Reporter

MAX_TOKENS = 1024  # log-probabilities over a large vocabulary take memory next to the engine's own
MIN_AGREEMENT = 0.9  # of the likeliest tokens
EFFECT_RANGE = (0.75, 1.25)  # relative to the adapter's own effect
ERRORS = 2  # standard errors by which the effect must lie outside its range
MAX_ERROR = 0.3  # of the effect: with a larger one, no effect and the whole one cannot be told apart
NOTHING = 1e-6  # nats: base and adapter in one program give equal numbers if the adapter changes nothing

Floats = NDArray[np.float64]


def read_references(request: ServeRequest, variant: BaseVariant) -> Sequence[ReferenceTokens]:
    """Read how adapter and base (in one variant) scored each reference; empty if that was not measured."""
    measured = read_checkpoint_losses(request.measured) if request.measured else None
    losses = measured.bases.get(variant) if measured else None
    return losses.references if losses else ()


def compare(
    subject: str,
    endpoint: Endpoint,
    references: Sequence[ReferenceTokens],
    context: int,
    reporter: Reporter,
    *,
    base: Endpoint | None = None,
) -> Agreement | None:
    """Score every reference with a model, and with the `base` if it is served beside it; `context` is in tokens.

    `subject` is what the messages call the model. Returns None if nothing was measured. Raises MergeFailed if the
    scores differ or the adapter changes nothing, EngineFailed if an engine does not answer.
    """
    limit = min(context - 1, MAX_TOKENS)
    matches: list[bool] = []
    rows: list[tuple[float, float, float, float]] = []
    for reference in references:
        reporter.check()
        ids = reference.ids[:limit]
        if len(ids) > reference.start:
            chosen, likeliest = score_tokens(endpoint, ids, reference.start)
            without = score_tokens(base, ids, reference.start)[0] if base else reference.without
            matches += [one == other for one, other in zip(likeliest, reference.likeliest, strict=False)]
            rows += zip(chosen, without, reference.log_probabilities, reference.without, strict=False)
    if not matches:
        reporter.message(f"[SERVE] {subject} is not compared with base and adapter: it was not measured", Level.WARN)
        return None
    agreement = summarise(matches, np.array(rows), base_is_served=base is not None)
    check_agreement(subject, agreement, reporter)
    return agreement


def summarise(matches: Sequence[bool], values: Floats, *, base_is_served: bool) -> Agreement:
    """Summarise matching tokens and rows of log-probabilities: the served model and base, adapter and base as measured.

    The effect is the slope of the served model's change on the adapter's, through zero: rounding cancels out.
    """
    served, served_base, tuned, base = values.T
    change, served_change = tuned - base, served - served_base
    effect, error = fit_slope(change, served_change)
    return Agreement(
        tokens=len(matches),
        token_agreement=float(np.mean(matches)),
        mean_difference=float(np.abs(served - tuned).mean()),
        effect=None if error > MAX_ERROR else effect,
        effect_error=error if np.isfinite(error) else None,
        adapter_change=float(np.abs(change).mean()),
        served_change=float(np.abs(served_change).mean()) if base_is_served else None,
    )


def fit_slope(x: Floats, y: Floats) -> tuple[float, float]:
    """Return the slope of `y` on `x` through zero, and its standard error (infinite if it cannot be told)."""
    spread = float(x @ x)
    if spread == 0 or len(x) < 2:
        return 0.0, float("inf")
    slope = float(x @ y) / spread
    residuals = y - slope * x
    return slope, float(np.sqrt(residuals @ residuals / (len(x) - 1) / spread))


def check_agreement(subject: str, agreement: Agreement, reporter: Reporter) -> None:
    """Report the agreement; raises MergeFailed if it is beyond the limits or the adapter changes nothing."""
    effect = "too small to measure" if agreement.effect is None else f"{agreement.effect:.2f} of the adapter's"
    summary = (
        f"{100 * agreement.token_agreement:.1f} % of {agreement.tokens} likeliest tokens agree, "
        f"log-probabilities differ by {agreement.mean_difference:.3f} on average, the effect is {effect}"
    )
    reporter.message(f"[SERVE] {subject} against base and adapter: {summary}", **agreement.model_dump())
    check_change(subject, agreement)
    if agreement.token_agreement < MIN_AGREEMENT or not in_range(agreement):
        low, high = EFFECT_RANGE
        raise MergeFailed(
            f"{subject} differs from base and adapter: {summary}; at least {100 * MIN_AGREEMENT:g} % "
            f"and an effect from {low:g} to {high:g} are expected.",
            next_step="Merge another checkpoint (`checkpoint` of a new job); if it differs as well, report it.",
        )


def check_change(subject: str, agreement: Agreement) -> None:
    """Raise MergeFailed if the adapter changes nothing: by itself, or in the engine."""
    if agreement.adapter_change < NOTHING:
        raise MergeFailed(
            f"The adapter changes nothing: with and without it all {agreement.tokens} tokens are equally likely.",
            next_step="Train with more steps or a higher learning rate, and see that the recipe's LoRA modules are in "
            "the base model.",
        )
    if agreement.served_change is not None and agreement.served_change < NOTHING:
        raise MergeFailed(
            f"{subject} answers exactly like its base: the engine has loaded the adapter without effect, although by "
            f"itself it changes log-probabilities by {agreement.adapter_change:.4f} on average.",
            next_step="See that the names of the modules in adapter_model.safetensors are those of the base model.",
        )


def in_range(agreement: Agreement) -> bool:
    """Return whether the effect lies in its range, or so near that its standard error may be the reason."""
    if agreement.effect is None:
        return True
    low, high = EFFECT_RANGE
    margin = ERRORS * (agreement.effect_error or 0.0)
    return low - margin <= agreement.effect <= high + margin


def score_tokens(endpoint: Endpoint, ids: list[int], start: int) -> tuple[list[float], list[int]]:
    """Return the log-probability of each of `ids[start:]` and the likeliest token at its place; raises EngineFailed."""
    body = {"model": endpoint.model, "prompt": ids, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1}
    try:
        answer = httpx.post(f"{endpoint.url}/v1/completions", json=body, timeout=300, trust_env=False)
        answer.raise_for_status()
        entries = answer.json()["choices"][0]["prompt_logprobs"][start:]
        chosen = [float(entry[str(token)]["logprob"]) for token, entry in zip(ids[start:], entries, strict=True)]
        likeliest = [int(min(entry, key=lambda token: entry[token]["rank"])) for entry in entries]
    except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"{endpoint.model} did not score a passage: {error!r}") from error
    return chosen, likeliest
