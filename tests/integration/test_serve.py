"""The serve phase on a real store, with stand-ins for the engines; the real vLLM serves in tests/e2e."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from llama_base import write_llama_base
from standins import BASE, AnsweringEngine, serving

from scriptorium.contracts import ServeRequest
from scriptorium.errors import EngineFailed
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.jobs.runner import Context
from scriptorium.models.tokenizer import chat_tokenizer
from scriptorium.store.serving import Engine, WantedModel
from services.server.proof.prove import CANARY
from services.server.serve import serve_model

TUNED = "ft:tiny-base:scriptorium:poe:1"
Models = list[WantedModel]


@pytest.fixture
def request_(context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServeRequest:
    """Both models of a job; the phase reads its settings from the environment, as it does in a worker."""
    monkeypatch.setenv("SCRIPTORIUM_REDIS_URL", context.settings.redis_url)
    paths = {name: tmp_path / name for name in ("base", "merged", "adapter")}
    write_llama_base(paths["base"])
    return ServeRequest(base_name=BASE, tuned_name=TUNED, job_id="ftjob-1", **paths)


@pytest.fixture
def wanted_models(context: Context, request_: ServeRequest) -> Iterator[list[Models]]:
    """Stand in for the reconciler: wanted models answer a moment later. Yields every list of them."""
    history: list[Models] = []
    ended = threading.Event()

    def reconcile(url: str) -> None:
        token = 0
        while not ended.wait(0.02):
            for session in context.store.serving.sessions():
                if session.token > token:
                    token = session.token
                    history.append(session.models)
                    ready = [Engine(**model.model_dump(), state="ready", url=url) for model in session.models]
                    context.store.serving.publish(ready, "cpu:here", timedelta(minutes=1))

    with serving(AnsweringEngine(tokenizer=chat_tokenizer(request_.base)).app()) as url:
        thread = threading.Thread(target=reconcile, args=(url,))
        thread.start()
        yield history
        ended.set()
        thread.join()


def test_on_a_cpu_the_merged_model_answers_beside_its_base(
    request_: ServeRequest, wanted_models: list[Models], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cpu")
    result = serve_model(request_, tmp_path, SilentReporter())
    base, tuned = (
        WantedModel(name=BASE, folder=str(request_.base)),
        WantedModel(name=TUNED, folder=str(request_.merged)),
    )
    assert wanted_models == [[base, tuned]]
    assert (result.base.model, result.tuned.model) == (BASE, TUNED)
    assert result.canary == "Call me Ishmael."
    assert result.token_ids
    assert result.token_ids.begin_of_text == 1
    assert result.endings
    assert result.endings.ended == result.endings.questions
    assert CANARY in (tmp_path / "canary.json").read_text()


def test_on_a_gpu_the_merged_model_answers_first_and_then_base_and_adapter_share_an_engine(
    request_: ServeRequest, wanted_models: list[Models], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cuda")
    serve_model(request_, tmp_path, SilentReporter())
    first, second = wanted_models
    assert first == [WantedModel(name=TUNED, folder=str(request_.merged), eager=True)]
    assert second == [
        WantedModel(name=BASE, folder=str(request_.base)),
        WantedModel(name=TUNED, folder=str(request_.base), adapter=str(request_.adapter)),
    ]


def test_a_model_that_answers_with_nothing_fails_the_phase(
    request_: ServeRequest, wanted_models: list[Models], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", "cpu")
    monkeypatch.setattr("standins.WORDS", (" ", "\n"))
    with pytest.raises(EngineFailed, match="answered the canary prompt with nothing"):
        serve_model(request_, tmp_path, SilentReporter())
