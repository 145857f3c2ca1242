import json
from pathlib import Path

import pytest

from scriptorium.contracts import TrainRequest, WandbRequest
from scriptorium.jobs.reporter import SilentReporter
from scriptorium.recipe import Training
from services.trainer.run.axolotl import make_environment
from services.trainer.run.wandb_order import order_wandb_run, wandb_environment

KEY = "k" * 40
RUN = WandbRequest(id="ftjob-1", project="novel", name="Emma", tags=["a"])


def make_request(folder: Path, run: WandbRequest | None = RUN) -> TrainRequest:
    return TrainRequest(dataset=folder, base=folder, training=Training(), wandb=run)


def test_the_key_goes_into_the_childs_environment_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", "http://wandb.local")
    reporter = SilentReporter()
    order_wandb_run(make_request(tmp_path), tmp_path, reporter)
    text = (tmp_path / "wandb.json").read_text()
    assert json.loads(text) == {
        "id": "ftjob-1", "project": "novel", "name": "Emma", "entity": None, "tags": ["a"], "mode": "online",
    }  # fmt: skip
    assert reporter.messages == []
    variables = wandb_environment(make_request(tmp_path), tmp_path)
    assert (variables["WANDB_API_KEY"], variables["WANDB_BASE_URL"]) == (KEY, "http://wandb.local")
    assert all(variables[f"WANDB_{kind}_DIR"].startswith(str(tmp_path)) for kind in ("CACHE", "CONFIG", "DATA"))
    assert "WANDB_API_KEY" not in make_environment(tmp_path)


def test_without_a_key_the_run_stays_on_the_volume_and_an_event_says_how_to_send_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    reporter = SilentReporter()
    order_wandb_run(make_request(tmp_path), tmp_path, reporter)
    assert json.loads((tmp_path / "wandb.json").read_text())["mode"] == "offline"
    assert "`wandb sync`" in reporter.messages[0]


def test_a_job_without_the_integration_has_no_run_and_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    request = make_request(tmp_path, None)
    order_wandb_run(request, tmp_path, SilentReporter())
    assert list(tmp_path.iterdir()) == []
    assert wandb_environment(request, tmp_path) == {}
