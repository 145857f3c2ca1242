"""The unmodified `openai` client and models: chat, streams, and engines that do not answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import openai
import pytest
from standins import BASE, TUNED, WORDS, AnsweringEngine, Sent, serving
from work import SOON

from scriptorium.jobs.runner import Context
from scriptorium.process.child import wait_until
from services.api.application import create_app

JSON = {"Content-Type": "application/json"}


def ask(client: openai.OpenAI, text: str, model: str = BASE, **options: Any) -> Any:
    """Ask one question."""
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **options)


def test_models_are_listed(client: openai.OpenAI, engine: AnsweringEngine) -> None:
    checkpoints = {f"{TUNED}:ckpt-step-{step}" for step in (10, 20)}
    assert {model.id for model in client.models.list()} == {BASE, TUNED, *checkpoints}
    assert client.models.retrieve(TUNED).id == TUNED
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("organisation/none-such")
    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


@pytest.mark.parametrize("model", [BASE, TUNED])
def test_a_model_chats(client: openai.OpenAI, engine: AnsweringEngine, model: str) -> None:
    answer = ask(client, "Begin.", model, seed=3, temperature=0.5)
    assert answer.choices[0].message.content == "".join(WORDS)
    assert engine.requests[0]["model"] == model
    assert engine.requests[0]["temperature"] == 0.5
    assert "seed" not in engine.requests[0]  # it would crash vLLM's engine on a CPU


def test_what_the_engine_cannot_do_is_said(http: httpx.Client, engine: AnsweringEngine) -> None:
    body: dict[str, Any] = {"model": BASE, "messages": [{"role": "user", "content": "x"}]}
    seeded = http.post("/v1/chat/completions", json={**body, "seed": 3})
    assert seeded.headers["x-scriptorium-ignored"] == "seed"
    assert "x-scriptorium-ignored" not in http.post("/v1/chat/completions", json=body).headers
    tools = [{"type": "function", "function": {"name": "f"}}]
    refused = http.post("/v1/chat/completions", json={**body, "tools": tools}).json()["error"]
    assert (refused["code"], refused["param"]) == ("invalid_request", "tools")
    assert http.post("/v1/chat/completions", json={**body, "tools": tools, "tool_choice": "none"}).status_code == 200


def test_a_seed_reaches_an_engine_on_a_gpu(context: Context, sent: Sent, engine: AnsweringEngine) -> None:
    fast = Context(
        context.settings.model_copy(update={"device": "cuda"}), context.store, context.volume, context.pipeline
    )
    with serving(create_app(fast, reaping=False, count_waiting=sent.waiting)) as address:
        body = {"model": BASE, "messages": [{"role": "user", "content": "x"}], "seed": 3}
        assert httpx.post(f"{address}/v1/chat/completions", json=body).status_code == 200
    assert engine.requests[0]["seed"] == 3


@pytest.mark.parametrize(
    ("options", "temperature"),
    [
        ({"model": TUNED}, 0.9),
        ({"model": TUNED, "temperature": None}, 0.9),
        ({"model": TUNED, "temperature": 0}, 0),
        ({"model": BASE}, None),
    ],
)
def test_a_tuned_model_answers_at_its_own_temperature(
    context: Context, client: openai.OpenAI, engine: AnsweringEngine, options: dict[str, Any], temperature: Any
) -> None:
    engines = [
        served.model_copy(update={"temperature": 0.9} if served.name == TUNED else {})
        for served in context.store.serving.engines()
    ]
    context.store.serving.publish(engines, "cpu:here", timedelta(minutes=1))
    ask(client, "Begin.", **options)
    assert engine.requests[0].get("temperature") == temperature


def test_a_chat_is_streamed(client: openai.OpenAI, engine: AnsweringEngine) -> None:
    with ask(client, "Begin.", stream=True) as stream:
        assert [chunk.choices[0].delta.content for chunk in stream] == list(WORDS)


def test_a_text_is_continued(client: openai.OpenAI, engine: AnsweringEngine) -> None:
    assert client.completions.create(model=BASE, prompt="Call").choices[0].text == "".join(WORDS)


def test_what_the_engine_refuses_is_passed_on_in_our_shape(client: openai.OpenAI, engine: AnsweringEngine) -> None:
    with pytest.raises(openai.BadRequestError, match="too long") as caught:
        ask(client, "refuse")
    assert (caught.value.code, caught.value.param) == ("invalid_request", "messages")
    with pytest.raises(openai.InternalServerError, match="out of memory") as failed:
        ask(client, "crash")
    assert failed.value.code == "engine_failed"


def test_a_stream_that_breaks_off_ends_with_an_error(client: openai.OpenAI, engine: AnsweringEngine) -> None:
    with (
        ask(client, "break", stream=True) as stream,
        pytest.raises(openai.APIError, match="connection to the engine was lost"),
    ):
        list(stream)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_takes_its_question_along(url: str, engine: AnsweringEngine, stream: bool) -> None:
    body = {"model": BASE, "messages": [{"role": "user", "content": "wait"}], "stream": stream}
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{url}/v1/chat/completions", json=body, timeout=0.5)
    assert wait_until(engine.abandoned.is_set, SOON)


def test_a_model_that_does_not_exist_is_not_found(
    client: openai.OpenAI, http: httpx.Client, engine: AnsweringEngine
) -> None:
    for model in ("none-such", "ft:tiny-base:scriptorium:poe:0124", f"{TUNED}:ckpt-step-11"):
        with pytest.raises(openai.NotFoundError) as caught:
            ask(client, "x", model)
        assert caught.value.code == "model_not_found"
    wrong: list[Any] = [{"messages": []}, {"model": 5}, []]
    for body in wrong:
        assert http.post("/v1/chat/completions", json=body).status_code == 400
    assert http.post("/v1/chat/completions", content=b"{", headers=JSON).json()["error"]["code"] == "invalid_request"
