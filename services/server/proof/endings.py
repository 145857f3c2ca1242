"""Do answers end by themselves? A model that did not learn the end of its turn writes on until it is cut off."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import httpx

from scriptorium.contracts import AnswerEndings, Endpoint, Level
from scriptorium.errors import EngineFailed
from scriptorium.jobs.reporter import Reporter

PROMPTS = (
    "Say good morning.",
    "Name three colours.",
    "Write one short sentence about the sea.",
    "What is the capital of France? Answer in one word.",
)
MAX_TOKENS = 1024  # far beyond a passage: a voice may answer at length
MAX_CONTEXT_SHARE = 0.5  # of the engine's context, so that a prompt fits in front


def check_endings(endpoint: Endpoint, temperature: float | None, context: int, reporter: Reporter) -> AnswerEndings:
    """Count the answers to short prompts that end before a limit, at the served temperature.

    Raises EngineFailed if none does, or the engine does not answer.
    """
    limit = min(MAX_TOKENS, int(MAX_CONTEXT_SHARE * context))
    with ThreadPoolExecutor(len(PROMPTS)) as pool:
        ended = sum(pool.map(lambda prompt: ends_by_itself(endpoint, prompt, temperature, limit), PROMPTS))
    endings = AnswerEndings(questions=len(PROMPTS), ended=ended, max_tokens=limit)
    summary = f"{ended} of {endings.questions} answers to short questions end by themselves within {limit} tokens"
    if not ended:
        raise EngineFailed(
            f"{endpoint.model} does not end its answers: {summary}.",
            next_step="Take an instruct model as the base, train longer, or choose another checkpoint: until the "
            "end of a turn is learned, every answer is written up to its limit.",
        )
    level = Level.INFO if ended == endings.questions else Level.WARN
    reporter.message(f"[SERVE] {summary}", level, **endings.model_dump())
    return endings


def ends_by_itself(endpoint: Endpoint, prompt: str, temperature: float | None, limit: int) -> bool:
    """Return whether the answer to one prompt ends before `limit` tokens; raises EngineFailed."""
    body = {"model": endpoint.model, "messages": [{"role": "user", "content": prompt}], "max_tokens": limit}
    if temperature is not None:
        body["temperature"] = temperature
    try:
        answer = httpx.post(f"{endpoint.url}/v1/chat/completions", json=body, timeout=600, trust_env=False)
        answer.raise_for_status()
        return bool(answer.json()["choices"][0]["finish_reason"] == "stop")
    except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"{endpoint.model} did not answer a short prompt: {error!r}") from error
