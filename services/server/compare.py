"""The comparison of the merged model with base and adapter: both score the same token ids.

After training each checkpoint scored them unmerged, in Axolotl's environment (see
`scriptorium.artifacts.checkpoint_losses`). The serving engine is another program with kernels of its own, so the
numbers differ by rounding, and the limits leave room for that.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import numpy as np
from numpy.typing import NDArray

from scriptorium.artifacts.checkpoint_losses import ReferenceTokens, read_checkpoint_losses
from scriptorium.contracts import Agreement, Endpoint, Level, ServeRequest
from scriptorium.errors import EngineFailed, MergeFailed
from scriptorium.jobs.reporter import Reporter

MAX_TOKENS = 1024  # log-probabilities over a large vocabulary take memory next to the engine's own
MIN_AGREEMENT = 0.9  # of the likeliest tokens
EFFECT_RANGE = (0.75, 1.25)  # relative to the adapter's own effect
MIN_CHANGE = 0.01  # nats per token: the effect of an adapter that changes less is lost in rounding


def read_references(request: ServeRequest) -> Sequence[ReferenceTokens]:
    """Read how base and adapter scored each reference; empty if that was not measured."""
    measured = read_checkpoint_losses(request.measured) if request.measured else None
    losses = measured.bases.get(request.merged_on) if measured else None
    return losses.references if losses else ()


def compare(endpoint: Endpoint, request: ServeRequest, context: int, reporter: Reporter) -> Agreement | None:
    """Score every reference with the merged model; `context` is the engine's limit in tokens.

    Returns None if nothing was measured. Raises MergeFailed if the scores differ, EngineFailed if the engine does not
    answer.
    """
    limit, references = min(context - 1, MAX_TOKENS), read_references(request)
    matches: list[bool] = []
    values: list[tuple[float, float, float]] = []
    for reference in references:
        reporter.check()
        ids = reference.ids[:limit]
        if len(ids) > reference.start:
            chosen, likeliest = score_tokens(endpoint, ids, reference.start)
            matches += [one == other for one, other in zip(likeliest, reference.likeliest, strict=False)]
            values += zip(chosen, reference.log_probabilities, reference.without, strict=False)
    if not matches:
        reporter.message("[SERVE] The merged model is not compared with its adapter: it was not measured", Level.WARN)
        return None
    agreement = summarise(matches, np.array(values))
    check_agreement(agreement, reporter)
    return agreement


def summarise(matches: Sequence[bool], values: NDArray[np.float64]) -> Agreement:
    """Summarise matching tokens and rows of log-probabilities: merged, base and adapter, base alone.

    The effect is the slope of the merged model's change on the adapter's, through zero: rounding cancels out.
    """
    merged, tuned, base = values.T
    change = tuned - base
    too_small = float(np.abs(change).mean()) < MIN_CHANGE
    return Agreement(
        tokens=len(matches),
        token_agreement=float(np.mean(matches)),
        mean_difference=float(np.abs(merged - tuned).mean()),
        effect=None if too_small else float((merged - base) @ change / (change @ change)),
    )


def check_agreement(agreement: Agreement, reporter: Reporter) -> None:
    """Report the agreement; raises MergeFailed if it is beyond the limits."""
    effect = "too small to measure" if agreement.effect is None else f"{agreement.effect:.2f} of the adapter's"
    summary = (
        f"{100 * agreement.token_agreement:.1f} % of {agreement.tokens} likeliest tokens agree, "
        f"log-probabilities differ by {agreement.mean_difference:.3f} on average, the effect is {effect}"
    )
    reporter.message(f"[SERVE] Merged model against base and adapter: {summary}", **agreement.model_dump())
    low, high = EFFECT_RANGE
    in_range = agreement.effect is None or low <= agreement.effect <= high
    if agreement.token_agreement < MIN_AGREEMENT or not in_range:
        raise MergeFailed(
            f"The merged model differs from base and adapter: {summary}; at least {100 * MIN_AGREEMENT:g} % "
            f"and an effect from {low:g} to {high:g} are expected.",
            next_step="Merge another checkpoint (`checkpoint` of a new job); if it differs as well, report it.",
        )


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
