"""Whether the merged model says what base and adapter said: the same token ids, to the engine that serves.

After training each checkpoint was asked, not merged, in Axolotl's environment (see
`scriptorium.artifacts.checkpoint_losses`). The engine is another program with kernels of its own, so the numbers
differ by rounding, and the limits leave room for that.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import numpy as np
from numpy.typing import NDArray

from scriptorium.artifacts.checkpoint_losses import Reference, read_measured
from scriptorium.contracts import Agreement, Endpoint, ServeRequest
from scriptorium.errors import EngineFailed, MergeFailed
from scriptorium.jobs.reporter import Reporter

LONGEST = 1024  # tokens: log-probabilities over a large vocabulary take memory next to the engine's own
LEAST_AGREEMENT = 0.9  # of the likeliest tokens
EFFECTS = (0.75, 1.25)  # of the adapter's own
FAINT = 0.01  # nats a token: an adapter that changes less drowns in rounding


def read_references(request: ServeRequest) -> Sequence[Reference]:
    """What base and adapter said; nothing where it was not measured."""
    measured = read_measured(request.measured) if request.measured else None
    on = measured.bases.get(request.merged_on) if measured else None
    return on.references if on else ()


def compare(endpoint: Endpoint, request: ServeRequest, context: int, reporter: Reporter) -> Agreement | None:
    """Ask the merged model about every reference; `context` is what the engine reads at most, in tokens.

    None where nothing was measured. Raises MergeFailed where it says something else, EngineFailed where it does not
    answer.
    """
    longest, references = min(context - 1, LONGEST), read_references(request)
    same: list[bool] = []
    values: list[tuple[float, float, float]] = []
    for reference in references:
        reporter.check()
        ids = reference.ids[:longest]
        if len(ids) > reference.start:
            chosen, likeliest = ask(endpoint, ids, reference.start)
            same += [one == two for one, two in zip(likeliest, reference.likeliest, strict=False)]
            values += zip(chosen, reference.log_probabilities, reference.without, strict=False)
    if not same:
        return None
    agreement = summarise(same, np.array(values))
    judge(agreement, reporter)
    return agreement


def summarise(same: Sequence[bool], values: NDArray[np.float64]) -> Agreement:
    """The numbers; `values` has rows of log-probabilities: merged, base and adapter, base alone.

    The effect is the slope of the merged model's change on the adapter's, through zero: rounding cancels out.
    """
    merged, tuned, base = values.T
    change = tuned - base
    faint = float(np.abs(change).mean()) < FAINT
    return Agreement(
        tokens=len(same),
        token_agreement=float(np.mean(same)),
        mean_difference=float(np.abs(merged - tuned).mean()),
        effect=None if faint else float((merged - base) @ change / (change @ change)),
    )


def judge(agreement: Agreement, reporter: Reporter) -> None:
    """Tell the numbers; raises MergeFailed beyond the limits."""
    effect = "too faint to tell" if agreement.effect is None else f"{agreement.effect:.2f} of the adapter's"
    told = (
        f"{100 * agreement.token_agreement:.1f} % of {agreement.tokens} likeliest tokens agree, "
        f"log-probabilities differ by {agreement.mean_difference:.3f} on average, the effect is {effect}"
    )
    reporter.message(f"[SERVE] Merged model against base and adapter: {told}", **agreement.model_dump())
    right = agreement.effect is None or EFFECTS[0] <= agreement.effect <= EFFECTS[1]
    if agreement.token_agreement < LEAST_AGREEMENT or not right:
        raise MergeFailed(
            f"The merged model does not say what base and adapter say: {told}; at least {100 * LEAST_AGREEMENT:g} % "
            f"and an effect from {EFFECTS[0]:g} to {EFFECTS[1]:g} are expected.",
            next_step="Merge another checkpoint (`checkpoint` of a new job); if it differs alike, report it.",
        )


def ask(endpoint: Endpoint, ids: list[int], start: int) -> tuple[list[float], list[int]]:
    """Log-probability of each of `ids[start:]`, and the likeliest token at its place; raises EngineFailed."""
    body = {"model": endpoint.model, "prompt": ids, "max_tokens": 1, "temperature": 0, "prompt_logprobs": 1}
    try:
        answer = httpx.post(f"{endpoint.url}/v1/completions", json=body, timeout=300, trust_env=False)
        answer.raise_for_status()
        found = answer.json()["choices"][0]["prompt_logprobs"][start:]
        chosen = [float(entry[str(token)]["logprob"]) for token, entry in zip(ids[start:], found, strict=True)]
        likeliest = [int(min(entry, key=lambda token: entry[token]["rank"])) for entry in found]
    except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"{endpoint.model} did not score a passage: {error!r}") from error
    return chosen, likeliest
