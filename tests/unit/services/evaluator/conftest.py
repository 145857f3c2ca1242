"""A tokenizer of eleven words and two engines that answer like vLLM, without one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from scriptorium.artifacts.dataset import Row, write_rows
from scriptorium.contracts import Endpoint, EvaluateRequest
from scriptorium.models.tokenizer import ChatTokenizer

WORDS = ["<unk>", "<|user|>", "<|assistant|>", "<|end|>", "Write", "about", "rain", "It", "rained", "all", "night"]
TEMPLATE = (
    "{% for m in messages %}<|{{ m['role'] }}|> {{ m['content'] }} <|end|> {% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)
LOGPROB = {"base": -2.0, "tuned": -1.5}


@pytest.fixture(scope="session")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens(["<|user|>", "<|assistant|>", "<|end|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<unk>", "chat_template": TEMPLATE}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.fixture(scope="session")
def tokenizer(tokenizer_folder: Path) -> ChatTokenizer:
    return ChatTokenizer(tokenizer_folder)


def make_row(passage: str = "It rained all night", brief: str = "Write about rain", author: str = "Anon") -> Row:
    messages: Any = [{"role": "user", "content": brief}, {"role": "assistant", "content": passage}]
    return Row(messages=messages, chapter="Chapter 7", author=author)


@pytest.fixture
def row() -> Callable[..., Row]:
    return make_row


@pytest.fixture
def request_(tmp_path: Path, tokenizer_folder: Path) -> EvaluateRequest:
    dataset = tmp_path / "dataset"
    write_rows(dataset / "test.jsonl", [make_row() for _ in range(6)])
    write_rows(dataset / "reference.jsonl", [make_row("all night", author="Other") for _ in range(3)])
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text(
        '{"step": 1, "loss": 3.9}\n{"step": 2, "loss": 3.5}\n{"step": 2, "eval_loss": 3.6}\n{"step": 3, "lo'
    )
    return EvaluateRequest(
        dataset=dataset,
        tokenizer=tokenizer_folder,
        base=Endpoint(url="http://base.test", model="base"),
        tuned=Endpoint(url="http://tuned.test/", model="tuned"),
        metrics=metrics,
        title="A Night of <Rain>",
        prompts=4,
        max_tokens=50,
        instructions=0,
        scenes=0,
        rewrites=0,
    )


class FakeEngines:
    """Stand-ins for both engines; `broken` maps a model or a path to its responses, `slow` delays every passage."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.broken: dict[str, list[httpx.Response | httpx.TransportError]] = {}
        self.text = "The rain <b>fell</b> & fell."
        self.text_of: dict[str, str] = {}  # of a model that answers something else
        self.slow = 0.0
        self.context = 64
        self.busy = 0
        self.busiest = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        role = request.url.host.removesuffix(".test")
        body = json.loads(request.content) if request.content else {}
        self.calls.append((f"{role}{request.url.path}", body))
        for key in (role, f"{role}{request.url.path}"):
            if self.broken.get(key):
                answers = self.broken[key]
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                if isinstance(answer, httpx.TransportError):
                    raise answer
                return httpx.Response(answer.status_code, content=answer.content)
        return httpx.Response(200, json=await self.answer(role, request.url.path, body))

    async def answer(self, role: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/v1/models":
            names = ["base", "tuned"] if role == "one" else [role]
            return {"data": [{"id": name, "object": "model", "max_model_len": self.context} for name in names]}
        if path == "/version":
            return {"version": "0.0.test"}
        if path == "/v1/completions":
            return {
                "choices": [{"text": "", "prompt_logprobs": prompt_logprobs(body["prompt"], LOGPROB[body["model"]])}]
            }
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(self.slow)
        self.busy -= 1
        choice = {"message": {"content": self.text_of.get(role, self.text)}, "finish_reason": "length"}
        return {"choices": [choice], "usage": {"completion_tokens": 6}}

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self)


def prompt_logprobs(ids: list[int], logprob: float) -> list[dict[str, Any] | None]:
    """Return vLLM's answer to `prompt_logprobs: 0`, with the likeliest token, which must not count."""
    likeliest = {"999": {"logprob": -0.01, "rank": 1, "decoded_token": "x"}}
    entries = [{str(token): {"logprob": logprob, "rank": 7, "decoded_token": "y"}, **likeliest} for token in ids[1:]]
    return [None, *entries]


@pytest.fixture
def engines() -> FakeEngines:
    return FakeEngines()
