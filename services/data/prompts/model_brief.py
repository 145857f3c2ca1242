"""Briefs in a model's words: a server with OpenAI's chat API describes what happens in a passage.

This is an alternative to extracted briefs. A brief that quotes its passage is requested once more, then dropped.
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
from scriptorium.text.languages.language import ENGLISH, Language
from scriptorium.text.quotation import join_words, quotes_passage
from scriptorium.text.word_spans import part_words
from services.data.passage import Passage
from services.data.prompts.extracted_brief import choose_language, list_separate_words, write_instruction

DESCRIBE_PROMPT = (
    "Say in one or two plain sentences who is in the following passage, where they are and what happens, so that "
    "another writer could write it anew. Use neutral words of your own. Quote nothing, and say nothing about the style."
)
TEMPERATURES = (0.0, 0.7)  # of each attempt: the same answer twice would quote twice
MAX_ANSWER_TOKENS = 120
MAX_CONCURRENT_REQUESTS = 16  # an engine batches them
PROGRESS_INTERVAL = 16  # passages between two progress messages
TIMEOUT = httpx.Timeout(300.0, connect=10.0)
RETRIES = 3  # of a failed connection
NEXT_STEP = (
    "Serve that model, name another in SCRIPTORIUM_BRIEF_URL and SCRIPTORIUM_BRIEF_MODEL, or set `briefs: extracted` "
    "in the recipe."
)


class _AnswerMessage(BaseModel):
    content: str | None = None


class _AnswerChoice(BaseModel):
    message: _AnswerMessage


class _ChatCompletion(BaseModel):
    choices: list[_AnswerChoice] = Field(min_length=1)


def describe_passages(
    passages: Sequence[Passage],
    endpoint: Endpoint,
    language: Language,
    reporter: Reporter,
    transport: httpx.BaseTransport | None = None,
) -> tuple[list[Passage], list[Finding]]:
    """Return the passages with a model's briefs, and a finding for each that keeps its extracted brief.

    Ready rows keep their own prompts. Raises EngineFailed.
    """
    ready = [passage for passage in passages if passage.ready]
    passages = [passage for passage in passages if not passage.ready]
    transport = transport or httpx.HTTPTransport(retries=RETRIES)
    key = endpoint.key.get_secret_value()
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    # trust_env: the host's proxy is for the internet, not for an engine nearby
    with httpx.Client(
        base_url=endpoint.url, headers=headers, transport=transport, timeout=TIMEOUT, trust_env=False
    ) as client:
        briefs = list(write_briefs(passages, endpoint, client, choose_language(language), reporter))
    pairs = list(zip(passages, briefs, strict=True))
    described = [replace(passage, stored_prompt=brief or passage.stored_prompt) for passage, brief in pairs]
    message = f"keeps its extracted brief: {endpoint.model} quoted the passage or answered nothing"
    findings = [
        Finding(code="brief_extracted", place=passage.place, message=message) for passage, brief in pairs if not brief
    ]
    return [*described, *ready], findings


def write_briefs(
    passages: Sequence[Passage], endpoint: Endpoint, client: httpx.Client, language: Language, reporter: Reporter
) -> Iterator[str | None]:
    """Yield the brief of each passage, in order; several are requested at once."""
    pool = ThreadPoolExecutor(MAX_CONCURRENT_REQUESTS)
    try:
        briefs = pool.map(lambda passage: write_brief(passage.text, endpoint, client, language), passages)
        for number, brief in enumerate(briefs, start=1):
            reporter.check()
            if number % PROGRESS_INTERVAL == 0 or number == len(passages):
                reporter.message(f"[DATA] {number}/{len(passages)} briefs written by {endpoint.model}")
            yield brief
    finally:
        pool.shutdown(cancel_futures=True)


def write_brief(text: str, endpoint: Endpoint, client: httpx.Client, language: Language = ENGLISH) -> str | None:
    """Write the instruction and what happens; None if every answer is empty or quotes the text."""
    words = list_separate_words(text, language)
    instruction, passage = write_instruction(text, Counter(words), language), join_words(words)
    for temperature in TEMPERATURES:
        description = " ".join(request_description(text, temperature, endpoint, client, language).split())
        brief = f"{instruction} {description}"
        if description and not quotes_passage(part_words(language.separate(brief)), passage):
            return brief
    return None


def request_description(
    text: str, temperature: float, endpoint: Endpoint, client: httpx.Client, language: Language
) -> str:
    """Ask the model what happens in a passage; raises EngineFailed if it does not answer."""
    request = DESCRIBE_PROMPT if language == ENGLISH else f"{DESCRIBE_PROMPT} Answer in {language.name}."
    body = {
        "model": endpoint.model,
        "messages": [{"role": "user", "content": f"{request}\n\n{text}"}],
        "temperature": temperature,
        "max_tokens": MAX_ANSWER_TOKENS,
    }
    try:
        response = client.post("/v1/chat/completions", json=body).raise_for_status()
        return _ChatCompletion.model_validate_json(response.content).choices[0].message.content or ""
    except httpx.HTTPStatusError as error:
        message = f"answered HTTP {error.response.status_code}: {' '.join(error.response.text.split())[:300]}"
    except httpx.TransportError as error:
        message = f"cannot be reached: {error or type(error).__name__}"
    except ValidationError:
        message = "answered with something that is not a chat completion"
    problem = Problem(f"{endpoint.model} at {endpoint.url}", message)
    raise EngineFailed("The model that writes the briefs does not answer.", problems=[problem], next_step=NEXT_STEP)
