"""Briefs in a model's words: what happens in a passage, told by a server that speaks OpenAI's chat wire.

An option beside the extracted briefs. What quotes its passage is asked for once more, and then not used.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
from pydantic import BaseModel, Field, ValidationError

from scriptorium.contracts import Endpoint, Finding
from scriptorium.errors import EngineFailed, Problem
from scriptorium.jobs.reporter import Reporter
from services.data.passage import Passage
from services.data.prompts.extracted_brief import WORD, describe, shares_run, spoken

ASK = (
    "Say in one or two plain sentences who is in the following passage, where they are and what happens, so that "
    "another writer could write it anew. Use neutral words of your own. Quote nothing, and say nothing about the style."
)
TEMPERATURES = (0.0, 0.7)  # of each try: the same answer twice would quote twice
LONGEST = 120  # tokens of an answer
STREAMS = 16  # requests at once: an engine batches them
STEP = 16  # passages between two lines of progress
TIMEOUT = httpx.Timeout(300.0, connect=10.0)
RETRIES = 3  # of a connection that fails
NEXT_STEP = (
    "Serve that model, name another in SCRIPTORIUM_BRIEF_URL and SCRIPTORIUM_BRIEF_MODEL, or let the recipe say "
    "`briefs: extracted`."
)


class _Turn(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Turn


class _Answer(BaseModel):
    choices: list[_Choice] = Field(min_length=1)


def describe_passages(
    passages: Sequence[Passage], endpoint: Endpoint, reporter: Reporter, transport: httpx.BaseTransport | None = None
) -> tuple[list[Passage], list[Finding]]:
    """The same passages with a model's briefs; one whose every answer quotes keeps its own. Raises EngineFailed.

    What came ready has its prompt already.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    wire = transport or httpx.HTTPTransport(retries=RETRIES)
    # trust_env: a proxy of the host is for the world outside, not for an engine nearby
    with httpx.Client(base_url=endpoint.url, transport=wire, timeout=TIMEOUT, trust_env=False) as client:
        briefs = list(write_all(passages, endpoint, client, reporter))
    asked = [replace(passage, asked=brief or passage.asked) for passage, brief in zip(passages, briefs, strict=True)]
    kept = [passage for passage, brief in zip(passages, briefs, strict=True) if not brief]
    message = f"keeps its extracted brief: {endpoint.model} quoted it or said nothing"
    return [*asked, *ready], [Finding(code="brief_extracted", place=passage.place, message=message) for passage in kept]


def write_all(
    passages: Sequence[Passage], endpoint: Endpoint, client: httpx.Client, reporter: Reporter
) -> Iterator[str | None]:
    """The brief of each passage, several in the making at once."""
    pool = ThreadPoolExecutor(STREAMS)
    try:
        written = pool.map(lambda passage: write_brief(passage.text, endpoint, client), passages)
        for number, brief in enumerate(written, start=1):
            reporter.check()
            if number % STEP == 0 or number == len(passages):
                reporter.message(f"[DATA] {number}/{len(passages)} briefs written by {endpoint.model}")
            yield brief
    finally:
        pool.shutdown(cancel_futures=True)


def write_brief(text: str, endpoint: Endpoint, client: httpx.Client) -> str | None:
    """The order and what happens; None where every answer shares a run of words with the text, or there is none."""
    words = WORD.findall(text)
    order, told = describe(text, Counter(words)), spoken(words)
    for temperature in TEMPERATURES:
        said = " ".join(ask(text, temperature, endpoint, client).split())
        if said and not shares_run(brief := f"{order} {said}", told):
            return brief
    return None


def ask(text: str, temperature: float, endpoint: Endpoint, client: httpx.Client) -> str:
    """What the model says about a passage; raises EngineFailed where it does not answer."""
    body = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": f"{ASK}\n\n{text}"}],
        "temperature": temperature,
        "max_tokens": LONGEST,
    }
    try:
        response = client.post("/v1/chat/completions", json=body).raise_for_status()
        return _Answer.model_validate_json(response.content).choices[0].message.content or ""
    except httpx.HTTPStatusError as error:
        seen = f"answered HTTP {error.response.status_code}: {' '.join(error.response.text.split())[:300]}"
    except httpx.TransportError as error:
        seen = f"cannot be reached: {error or type(error).__name__}"
    except ValidationError:
        seen = "answered with something that is no chat completion"
    problem = Problem(f"{endpoint.model} at {endpoint.url}", seen)
    raise EngineFailed("No model writes the briefs.", problems=[problem], next_step=NEXT_STEP)
