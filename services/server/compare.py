"""Whether the merged model says what base and adapter said: the same token ids, to the engine that serves.

After training each checkpoint was asked, not merged, in Axolotl's environment (see `scriptorium.measured`). The engine
is another program with kernels of its own, so the numbers differ by rounding, and the limits leave room for that.
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import numpy as np

from scriptorium.contracts import Agreement, Endpoint, ServeRequest
from scriptorium.errors import EngineFailed, MergeFailed
from scriptorium.measured import Reference, read_measured
from scriptorium.report import Report

LONGEST = 1024  # tokens: log-probabilities over a large vocabulary take memory next to the engine's own
LEAST_AGREEMENT = 0.9  # of the likeliest tokens
MOST_DIFFERENCE = 0.1  # nats, the mean over tokens


def read_references(request: ServeRequest) -> Sequence[Reference]:
    """What base and adapter said; nothing where it was not measured."""
    measured = read_measured(request.measured) if request.measured else None
    on = measured.bases.get(request.merged_on) if measured else None
    return on.references if on else ()


def compare(endpoint: Endpoint, request: ServeRequest, context: int, report: Report) -> Agreement | None:
    """Ask the merged model about every reference; `context` is what the engine reads at most, in tokens.

    None where nothing was measured. Raises MergeFailed where it says something else, EngineFailed where it does not
    answer.
    """
    longest, references = min(context - 1, LONGEST), read_references(request)
    same: list[bool] = []
    differences: list[float] = []
    for reference in references:
        report.check()
        end = min(len(reference.ids), longest)
        count = end - reference.start
        if count > 0:
            chosen, likeliest = ask(endpoint, reference.ids[:end], reference.start)
            same += [one == two for one, two in zip(likeliest, reference.likeliest[:count], strict=True)]
            differences += list(np.abs(np.subtract(chosen, reference.log_probabilities[:count])))
    if not same:
        return None
    agreement = Agreement(
        tokens=len(same), token_agreement=float(np.mean(same)), mean_difference=float(np.mean(differences))
    )
    judge(agreement, report)
    return agreement


def judge(agreement: Agreement, report: Report) -> None:
    """Tell the numbers; raises MergeFailed beyond the limits."""
    told = (
        f"{100 * agreement.token_agreement:.1f} % of {agreement.tokens} likeliest tokens agree, "
        f"log-probabilities differ by {agreement.mean_difference:.3f} on average"
    )
    report.message(f"[SERVE] Merged model against base and adapter: {told}", **agreement.model_dump())
    if agreement.token_agreement < LEAST_AGREEMENT or agreement.mean_difference > MOST_DIFFERENCE:
        raise MergeFailed(
            f"The merged model does not say what base and adapter say: {told}; "
            f"at least {100 * LEAST_AGREEMENT:g} % and at most {MOST_DIFFERENCE:g} are expected.",
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
