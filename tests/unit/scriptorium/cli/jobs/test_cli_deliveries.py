"""`scriptorium webhooks` and `notices`: lists, tests and new secrets."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from scriptorium.cli.main import run
from scriptorium.webhook_signature import is_secret
from tests.unit.scriptorium.cli.api_bodies import JOB, page
from tests.unit.scriptorium.cli.conftest import UseApi


def delivery(state: str, *problems: str | None) -> dict[str, Any]:
    attempts = [{"created_at": 1_700_000_000, "status_code": None, "problem": problem} for problem in problems]
    return {"id": "dlv_1", "object": "webhook.delivery", "created_at": 1_700_000_000, "event_id": "evt_1",
            "type": "fine_tuning.job.failed", "job_id": JOB, "receiver": "https://hooks.example", "state": state,
            "attempts": attempts, "next_attempt_at": 1_700_000_030 if state == "pending" else None}  # fmt: skip


@pytest.fixture
def requests(use_api: UseApi) -> list[httpx.Request]:
    """Let the API answer with one delivery that arrived, or for notices with one that did not; return the requests."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        arrived = "webhook" in request.url.path
        return httpx.Response(200, json=page(delivery("delivered", None) if arrived else delivery("pending", "Away.")))

    use_api(answer)
    return requests


def test_deliveries_are_listed_with_their_problem(
    requests: list[httpx.Request], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["webhooks", "list", "--job", JOB, "--limit", "5"]) == 0
    assert dict(requests[0].url.params) == {"limit": "5", "job": JOB}
    assert requests[0].url.path == "/v1/x/webhook_deliveries"
    output = capsys.readouterr().out
    assert all(word in output for word in ("hooks.example", "failed", "delivered", JOB))
    assert run(["notices", "list"]) == 0
    assert "Away. Next attempt: 2023" in capsys.readouterr().out
    assert run(["notices", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["attempts"][0]["problem"] == "Away."


def test_an_empty_log_says_how_to_test(use_api: UseApi, capsys: pytest.CaptureFixture[str]) -> None:
    use_api(lambda request: httpx.Response(200, json=page()))
    assert run(["webhooks", "list"]) == 0
    assert "scriptorium webhooks test" in capsys.readouterr().out


def test_a_test_fails_unless_everything_arrived(requests: list[httpx.Request]) -> None:
    assert run(["webhooks", "test", "--event", "cancelled"]) == 0
    assert json.loads(requests[0].content) == {"type": "fine_tuning.job.cancelled"}
    assert run(["notices", "test"]) == 1
    assert requests[1].method == "POST"
    assert run(["webhooks", "test", "--event", "eaten"]) == 2


def test_a_new_secret_needs_no_stack(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPTORIUM_WEBHOOK_URL", "https://hooks.example")  # which asks for a secret
    assert run(["webhooks", "secret"]) == 0
    assert is_secret(capsys.readouterr().out.strip())
    assert run(["webhooks", "secret", "--json"]) == 0
    assert is_secret(json.loads(capsys.readouterr().out)["secret"])
