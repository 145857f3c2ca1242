"""Models and chat: lists, names with odd characters, deletion, answers and streams, and the asynchronous client."""

from __future__ import annotations

import asyncio
from typing import Any

import openai

from tests.conformance.cases.wire import ANSWER, BASE, TUNED, Wire, refused

HELLO: Any = [{"role": "user", "content": "Begin."}]


def the_list_has_bases_and_tuned_models(wire: Wire) -> None:
    """GET /models lists bases, tuned models and checkpoints."""
    names = {model.id for model in wire.client().models.list()}
    assert {BASE, TUNED, f"{TUNED}:ckpt-step-10"} <= names


def a_model_has_openais_fields(wire: Wire) -> None:
    """A model has id, object, created and owned_by; `created` is when it was made."""
    for model in wire.client().models.list():
        assert (model.object, bool(model.owned_by)) == ("model", True)
        assert isinstance(model.created, int)
        assert model.created >= 0
    assert wire.client().models.retrieve(TUNED).created == 1_700_000_000


def retrieve_equals_the_list(wire: Wire) -> None:
    """GET /models/{model} answers with what the list has."""
    client = wire.client()
    models = {model.id: model for model in client.models.list()}
    assert {name: client.models.retrieve(name) for name in (BASE, TUNED)} == {
        name: models[name] for name in (BASE, TUNED)
    }


def a_strength_is_a_model(wire: Wire) -> None:
    """A name with a strength or a checkpoint, with its signs encoded by the client, is retrieved."""
    client = wire.client()
    for name in (f"{TUNED}@0.5", f"{TUNED}:ckpt-step-10@0.5"):
        assert client.models.retrieve(name).id == name


def an_unknown_model_is_not_found(wire: Wire) -> None:
    """A model that does not exist is a 404, in the list of models and in chat."""
    client = wire.client()
    for name in ("no-such-model", "org/none", f"{TUNED}:ckpt-step-11", f"ft:{BASE}:scriptorium:x:none"):
        refused(openai.NotFoundError, lambda name=name: client.models.retrieve(name), "model_not_found", "model")
        refused(
            openai.NotFoundError,
            lambda name=name: client.chat.completions.create(model=name, messages=HELLO),
            "model_not_found",
        )


def a_models_job_stays_when_it_is_deleted(wire: Wire) -> None:
    """DELETE /models/{model} answers {id, object, deleted}; the model is gone, its job stays."""
    client, finished = wire.client(), wire.worker("finished", suffix="gone")
    deleted = client.models.delete(finished["model"])
    assert (deleted.id, deleted.object, deleted.deleted) == (finished["model"], "model", True)
    refused(openai.NotFoundError, lambda: client.models.retrieve(finished["model"]), "model_not_found")
    assert client.fine_tuning.jobs.retrieve(finished["job"]).status == "succeeded"


def a_base_is_not_deleted(wire: Wire) -> None:
    """A base model cannot be deleted over the API."""
    refused(openai.BadRequestError, lambda: wire.client().models.delete(BASE), "invalid_request", "model")
    assert wire.client().models.retrieve(BASE).id == BASE


def a_model_chats(wire: Wire) -> None:
    """POST /chat/completions answers with a completion."""
    for model in (BASE, TUNED):
        answer = wire.client().chat.completions.create(model=model, messages=HELLO, max_tokens=20)
        assert answer.object == "chat.completion"
        assert answer.choices[0].message.content == ANSWER


def a_chat_is_streamed(wire: Wire) -> None:
    """With `stream` the answer comes in chunks, and ends."""
    with wire.client().chat.completions.create(model=BASE, messages=HELLO, stream=True) as stream:
        words = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert "".join(words) == ANSWER
    assert len(words) > 1


def a_stream_that_breaks_is_told(wire: Wire) -> None:
    """A stream whose engine dies ends with an error, not as if it were whole."""
    breaking: Any = [{"role": "user", "content": "break"}]
    try:
        for _ in wire.client().chat.completions.create(model=BASE, messages=breaking, stream=True):
            pass
    except openai.APIError as error:
        assert "engine" in str(error)
    else:
        raise AssertionError("the stream ended as if nothing had happened")


def a_text_is_continued(wire: Wire) -> None:
    """POST /completions continues a text."""
    assert wire.client().completions.create(model=BASE, prompt="Call").choices[0].text == ANSWER


def what_the_engine_refuses_is_passed_on(wire: Wire) -> None:
    """An engine's 400 is a BadRequestError with its message and param, in our shape."""
    refusing: Any = [{"role": "user", "content": "refuse"}]
    error = refused(
        openai.BadRequestError,
        lambda: wire.client().chat.completions.create(model=BASE, messages=refusing),
        "invalid_request",
        "messages",
    )
    assert "too long" in str(error)


def what_the_engine_fails_at_is_told(wire: Wire) -> None:
    """An engine's 500 is an InternalServerError with the code `engine_failed`."""
    crashing: Any = [{"role": "user", "content": "crash"}]
    refused(
        openai.InternalServerError,
        lambda: wire.client().chat.completions.create(model=BASE, messages=crashing),
        "engine_failed",
    )


def tools_are_refused(wire: Wire) -> None:
    """Tools are refused with a reason instead of ignored."""
    tools: Any = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    create: Any = wire.client().chat.completions.create
    refused(openai.BadRequestError, lambda: create(model=BASE, messages=HELLO, tools=tools), "invalid_request", "tools")


def a_chat_without_a_model_is_refused(wire: Wire) -> None:
    """A chat that names no model is a 400 with its param."""
    client = wire.client()
    refused(
        openai.BadRequestError,
        lambda: client.post("/chat/completions", body={"messages": HELLO}, cast_to=object),
        "invalid_request",
        "model",
    )


def the_asynchronous_client_works(wire: Wire) -> None:
    """AsyncOpenAI uploads, creates, lists, pages, streams and cancels."""

    async def walk() -> None:
        async with openai.AsyncOpenAI(base_url=f"{wire.url}/v1", api_key="none", max_retries=0) as client:
            file = await client.files.create(file=("a.txt", b"Once upon a time."), purpose="fine-tune")
            tag = {"tag": file.id}
            jobs = await asyncio.gather(
                *(
                    client.fine_tuning.jobs.create(
                        model=BASE, training_file=file.id, suffix=f"async{number}", metadata=tag
                    )
                    for number in range(4)
                )
            )
            listed = [job.id async for job in client.fine_tuning.jobs.list(limit=2, metadata=tag)]
            assert sorted(listed) == sorted(job.id for job in jobs)
            stream = await client.chat.completions.create(model=BASE, messages=HELLO, stream=True)
            assert "".join([chunk.choices[0].delta.content or "" async for chunk in stream]) == ANSWER
            ended = await asyncio.gather(*(client.fine_tuning.jobs.cancel(job.id) for job in jobs))
            assert {job.status for job in ended} == {"cancelled"}

    asyncio.run(walk())
