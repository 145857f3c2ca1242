"""`scriptorium compare --baseline-port --finetuned-port`: two engines, the same prompts, side by side."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from scriptorium.cli import main
from scriptorium.cli.models.side_by_side import Answer, ComparedEngine, Sampling, summarise
from scriptorium.errors import EngineFailed


class StreamingEngine(BaseHTTPRequestHandler):
    """Answers as vLLM does, with a stream of two pieces; a base and its adapter."""

    bodies: list[dict[str, Any]] = []

    def do_GET(self) -> None:
        models = {"data": [{"id": "base", "parent": None}, {"id": "ft:voice", "parent": "base"}]}
        self._answer(200, json.dumps(models))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.bodies.append(body)
        if body["model"] == "unknown":
            self._answer(404, json.dumps({"error": {"message": "The model `unknown` does not exist."}}))
            return
        chunks: list[dict[str, Any]] = [
            {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
            {"choices": [{"delta": {"content": f"{body['model']} writes"}}]},
            {"choices": [{"delta": {"content": " on."}, "finish_reason": "stop"}]},
            {"choices": [], "usage": {"completion_tokens": 7}},
        ]
        self._answer(200, "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n")

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *parts: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    StreamingEngine.bodies = []
    with ThreadingHTTPServer(("127.0.0.1", 0), StreamingEngine) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def compare(*options: str) -> Result:
    return CliRunner().invoke(main.app, ["compare", *options])


def test_one_engine_may_serve_both(port: int) -> None:
    result = compare(
        "--baseline-port", str(port), "--finetuned-port", str(port), "--prompt", "Sing.", "--prompt", "Go."
    )
    assert result.exit_code == 0, result.output
    assert [(body["model"], body["messages"][0]["content"]) for body in StreamingEngine.bodies] == [
        ("base", "Sing."), ("ft:voice", "Sing."), ("base", "Go."), ("ft:voice", "Go."),
    ]  # fmt: skip
    assert "base writes on." in result.output
    assert "ft:voice writes on." in result.output
    assert "tokens/s" in result.output
    assert {(body["max_tokens"], body["temperature"]) for body in StreamingEngine.bodies} == {(500, 0.85)}


def test_machines_get_every_answer_with_its_speed(port: int, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("One.\n\n  Two.\n")
    result = compare(
        "--baseline-url", f"http://127.0.0.1:{port}/v1", "--finetuned-port", str(port), "--prompts-file", str(prompts),
        "--finetuned-model", "other", "--max-tokens", "9", "--json",
    )  # fmt: skip
    body = json.loads(result.stdout)
    assert [answer["prompt"] for answer in body["answers"]] == ["One.", "Two."]
    assert body["answers"][0]["finetuned"]["text"] == "other writes on."
    assert body["answers"][0]["finetuned"]["tokens"] == 7
    assert body["answers"][0]["baseline"]["first_token_s"] > 0
    assert (body["baseline"]["model"], body["finetuned"]["model"]) == ("base", "other")


def test_an_engine_that_refuses_or_is_not_there_is_named(port: int) -> None:
    engine = ComparedEngine(f"http://127.0.0.1:{port}", "unknown", tuned=False)
    with pytest.raises(EngineFailed, match="The model `unknown` does not exist"):
        engine.ask("Hello", Sampling())
    with pytest.raises(EngineFailed, match="No engine answers at"):
        ComparedEngine("http://127.0.0.1:9", None, tuned=True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "name two jobs, or"),
        (["--baseline-port", "1"], "name both engines"),
        (["ftjob-1", "--baseline-port", "1", "--finetuned-port", "2"], "jobs or engines, not both"),
        (["--baseline-url", "ftp://x", "--finetuned-port", "2"], "must be an address"),
    ],
)
def test_what_cannot_be_compared_is_a_usage_error(options: list[str], message: str) -> None:
    result = compare(*options)
    assert result.exit_code == 2
    assert message in " ".join(result.output.replace("│", " ").split())


def test_a_speed_leaves_the_first_token_out_and_silence_has_none() -> None:
    silent = Answer("", 0, None, None, "stop")
    assert summarise([silent]) == {"first_token_s": None, "tokens_per_s": None, "tokens": 0}
    pair = [Answer("a", 10, 0.1, 20.0, "stop"), Answer("b", 20, 0.3, 40.0, "stop")]
    assert summarise(pair) == {"first_token_s": 0.2, "tokens_per_s": 30.0, "tokens": 15}
