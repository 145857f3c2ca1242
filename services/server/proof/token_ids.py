"""The same token ids for the same chat in training and in serving, with one begin-of-text token.

A model that was trained on one rendering and is served another answers worse, and nothing fails. Training renders with
the base's template (a test compares Axolotl's rows with `chat_tokenizer`); the engine says what it makes of a chat at
/tokenize, where it works as for /v1/chat/completions.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import httpx

from scriptorium.contracts import Endpoint, Level, TokenIds
from scriptorium.contracts.base import Message
from scriptorium.errors import BaseModelUnusable, EngineFailed
from scriptorium.jobs.reporter import Reporter
from scriptorium.models.tokenizer import ChatTokenizer, chat_tokenizer

USER: Message = {"role": "user", "content": "Describe a café at dawn – in “two” lines…\n\n  Keep the rain."}
ANSWER: Message = {
    "role": "assistant",
    "content": "Steam rose.\nThe window wept, naïve & grey: 3½ tables.",
}
SYSTEM: Message = {"role": "system", "content": "You write as the author does."}
CHATS: tuple[tuple[Message, ...], ...] = (
    (USER,),
    (USER, ANSWER),
    (USER, ANSWER, {"role": "user", "content": "Again."}),
    (SYSTEM, USER),
)
NEXT_STEP = "Serve the files of tokenizer and chat template that training used; if you have not changed any, report it."


def compare_token_ids(endpoint: Endpoint, base: Path, reporter: Reporter) -> TokenIds:
    """Compare the token ids of a few chats as the engine sees them with those of training; raises EngineFailed."""
    tokenizer = chat_tokenizer(base)
    compared, tokens, begins = 0, 0, 0
    for chat in CHATS:
        expected = render_as_trained(tokenizer, chat)
        if expected is None:
            continue
        served = ask_token_ids(endpoint, chat)
        if served != expected:
            expected = render_as_trained(tokenizer, chat) or expected  # a template may name the day: it was midnight
        if served != expected:
            raise EngineFailed(describe_difference(endpoint, tokenizer, served, expected), next_step=NEXT_STEP)
        begins = count_begins(served, tokenizer)
        compared, tokens = compared + 1, tokens + len(served)
    text = f"[SERVE] {compared} chats have the same {tokens} token ids as in training"
    if begins:
        reporter.message(f"{text}, each with one begin-of-text token")
    elif tokenizer.begin_of_text is None:
        reporter.message(text)
    else:
        reporter.message(f"{text}, but without the begin-of-text token that other texts begin with", Level.WARN)
    return TokenIds(chats=compared, tokens=tokens, begin_of_text=begins)


def render_as_trained(tokenizer: ChatTokenizer, chat: Sequence[Message]) -> list[int] | None:
    """Return the token ids of a chat in training; None if the template refuses it, as some do a system message."""
    try:
        return tokenizer.encode(tokenizer.render(chat, add_generation_prompt=expects_answer(chat)))
    except BaseModelUnusable:
        return None


def expects_answer(chat: Sequence[Message]) -> bool:
    """Return whether the next turn is the assistant's."""
    return chat[-1]["role"] == "user"


def ask_token_ids(endpoint: Endpoint, chat: Sequence[Message]) -> list[int]:
    """Return the token ids that an engine makes of a chat; raises EngineFailed."""
    body = {"model": endpoint.model, "messages": list(chat), "add_generation_prompt": expects_answer(chat)}
    try:
        answer = httpx.post(f"{endpoint.url}/tokenize", json=body, timeout=60, trust_env=False)
        answer.raise_for_status()
        return [int(token) for token in answer.json()["tokens"]]
    except (httpx.HTTPError, LookupError, TypeError, ValueError) as error:
        raise EngineFailed(f"{endpoint.model} did not tokenise a chat: {error!r}") from error


def count_begins(ids: list[int], tokenizer: ChatTokenizer) -> int:
    """Return how many begin-of-text tokens a chat has, of a model whose texts begin with one; else 0.

    Raises EngineFailed if there are several: the template adds one, and the tokenizer another.
    """
    begin = tokenizer.begin_of_text
    count = len(list(takewhile(lambda token: token == begin, ids)))
    if count > 1:
        raise EngineFailed(
            f"A chat begins with {count} begin-of-text tokens instead of one, in training and in serving.",
            next_step="Choose a base model whose chat template adds this token once.",
        )
    return count


def describe_difference(endpoint: Endpoint, tokenizer: ChatTokenizer, served: list[int], expected: list[int]) -> str:
    """Return where two renderings of a chat differ first."""
    pairs = enumerate(zip(served, expected, strict=False))
    place = next((index for index, (one, other) in pairs if one != other), min(len(served), len(expected)))
    one, other = (repr(tokenizer.decode(ids[place : place + 3])) for ids in (served, expected))
    return (
        f"{endpoint.model} reads a chat otherwise than in training: from token {place} of {len(expected)} on it sees "
        f"{one} instead of {other}."
    )
