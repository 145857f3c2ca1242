"""Briefs that a model writes never quote their passages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import httpx
import pytest
from pydantic import SecretStr

from scriptorium.contracts import Endpoint
from scriptorium.errors import EngineFailed, Interrupted
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.text.languages.language import ENGLISH, read_language
from services.data.passage import Passage
from services.data.prompts.model_brief import describe_passages

ENDPOINT = Endpoint(url="http://engine", model="scribe")
TEXT = "The old man went down to the river with his lamp and looked at the water. He said nothing to her."


def passage(number: int, text: str = TEXT) -> Passage:
    return Passage(text, "I", f"I, passage {number}", len(text.split()), 30, stored_prompt="its own")


def answering(say: Callable[[dict[str, object]], str]) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert (request.url.path, body["model"]) == ("/v1/chat/completions", "scribe")
        return httpx.Response(200, json={"choices": [{"message": {"content": say(body)}}]})

    return httpx.MockTransport(handle)


def test_briefs_come_in_the_order_of_the_passages() -> None:
    transport = answering(lambda body: f"Somebody  is\nat number {str(body['messages']).count('x')}.")
    described, findings = describe_passages(
        [passage(n, TEXT + " x" * n) for n in range(40)], ENDPOINT, ENGLISH, SilentReporter(), transport
    )
    prompts = [passage.prompt for passage in described]
    assert [prompt.rpartition(". ")[2] for prompt in prompts] == [f"Somebody is at number {n}." for n in range(40)]
    assert all(prompt.startswith("Write a passage of about") for prompt in prompts)
    assert findings == []


def test_a_key_is_sent_if_there_is_one() -> None:
    sent = []

    def handle(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("authorization"))
        return httpx.Response(200, json={"choices": [{"message": {"content": "A man walks."}}]})

    for endpoint in (ENDPOINT, ENDPOINT.model_copy(update={"key": SecretStr("sk-scr-x")})):
        describe_passages([passage(1)], endpoint, ENGLISH, SilentReporter(), httpx.MockTransport(handle))
    assert sent == [None, "Bearer sk-scr-x"]


def test_a_brief_that_quotes_is_requested_again_and_then_dropped() -> None:
    quote = "The old man went down to the river again."
    again = answering(lambda body: "A man is at a river." if body["temperature"] else quote)
    (described,), findings = describe_passages([passage(1)], ENDPOINT, ENGLISH, SilentReporter(), again)
    assert described.prompt.endswith("A man is at a river.")
    assert findings == []
    (described,), (finding,) = describe_passages(
        [passage(1)], ENDPOINT, ENGLISH, SilentReporter(), answering(lambda _: quote)
    )
    assert described.prompt == "its own"
    assert (finding.code, finding.place) == ("brief_extracted", "I, passage 1")


def test_ready_rows_keep_their_prompts() -> None:
    row = replace(passage(2), stored_prompt="theirs", ready=True)
    described, _ = describe_passages(
        [row, passage(1)], ENDPOINT, ENGLISH, SilentReporter(), answering(lambda _: "A man walks.")
    )
    assert [passage.prompt.rpartition(". ")[2] for passage in described] == ["A man walks.", "theirs"]


def test_an_empty_answer_is_no_brief() -> None:
    (described,), _ = describe_passages([passage(1)], ENDPOINT, ENGLISH, SilentReporter(), answering(lambda _: " \n"))
    assert described.prompt == "its own"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(503, text="model_not_ready"), "HTTP 503: model_not_ready"),
        (httpx.Response(200, text="<html>"), "not a chat completion"),
        (httpx.ConnectError("refused"), "cannot be reached: refused"),
    ],
)
def test_a_server_that_does_not_answer_is_named(answer: httpx.Response | httpx.TransportError, message: str) -> None:
    def handle(_: httpx.Request) -> httpx.Response:
        if isinstance(answer, httpx.TransportError):
            raise answer
        return answer

    with pytest.raises(EngineFailed) as failure:
        describe_passages(
            [passage(n) for n in range(40)], ENDPOINT, ENGLISH, SilentReporter(), httpx.MockTransport(handle)
        )
    assert "scribe at http://engine" in str(failure.value)
    assert message in str(failure.value)
    assert "briefs: extracted" in str(failure.value.next_step)


def test_a_stop_leaves_the_rest_unrequested() -> None:
    requests = []

    class InterruptingBriefs(SilentReporter):
        def check(self) -> None:
            raise Interrupted("stop")

    transport = answering(lambda body: str(requests.append(body)))
    with pytest.raises(Interrupted):
        describe_passages([passage(n) for n in range(500)], ENDPOINT, ENGLISH, InterruptingBriefs(), transport)
    assert len(requests) < 250


def test_a_model_is_asked_for_the_language_of_the_book() -> None:
    asked_for: list[str] = []

    def answer(body: dict[str, object]) -> str:
        asked_for.append(str(body["messages"]))
        return "Ein Mann geht."

    german = passage(1, "Der alte Mann ging mit seiner Lampe zum Fluss und sah auf das Wasser.")
    (described,), _ = describe_passages([german], ENDPOINT, read_language("de"), SilentReporter(), answering(answer))
    assert "Answer in German." in asked_for[0]
    assert described.prompt.startswith("Schreibe ")
