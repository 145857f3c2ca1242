"""What TensorBoard and W&B show of a training that was killed and resumed: each step once, and no text at W&B."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from in_axolotl import AXOLOTL_MARKS, run_in_axolotl
from standins import serving
from starlette.types import ASGIApp
from wandb_server import WandbServer, refusing_server

from scriptorium.contracts import TrainRequest, WandbRequest
from scriptorium.recipe import Training
from services.trainer.run.wandb_order import wandb_environment

pytestmark = AXOLOTL_MARKS

KEY = "k" * 40


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Run the script and return what it wrote."""
    folder: Path = tmp_path_factory.mktemp("tracked")
    run_in_axolotl("tracked.py", folder, "offline")
    body: dict[str, Any] = json.loads((folder / "tracked.json").read_text())
    assert body["notices"] == []
    return body


def test_tensorboard_has_one_curve_over_both_attempts(tracked: dict[str, Any]) -> None:
    scalars = tracked["events"]["scalars"]
    losses = {step: pytest.approx(3.0 - step / 10) for step in (1, 2, 3, 4)}  # not the 9.0 of the attempt that died
    assert scalars["train/loss"] == [[step, loss] for step, loss in losses.items()]
    assert scalars["dev/loss"] == [[2, 2.5]]
    assert scalars["dev/selectivity"] == [[2, 0.25]]
    assert scalars["device/tokens_per_second"][0] == [2, 250.0]
    assert {"device/mfu", "train/tokens"} <= set(scalars)
    assert tracked["events"]["texts"] == ["samples/1/text_summary"]


def test_a_wandb_run_without_a_key_waits_on_the_disk_with_the_same_numbers_and_no_text(tracked: dict[str, Any]) -> None:
    run = tracked["run"]
    assert run["identity"] == ["ftjob-1", "novel", "Emma", ["a"]]
    assert [(row["_step"], row["train/loss"]) for row in run["rows"]] == [(1, 2.9), (2, 2.8), (3, 2.7), (4, 2.6)]
    assert run["rows"][1]["dev/loss"] == 2.5
    assert {"device/mfu", "device/tokens_per_second"} <= set(run["rows"][1])
    assert not run["leaked"]


def track_online(app: ASGIApp, mode: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Run the script with a key, against a server, and return what it wrote."""
    with serving(app) as address:
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_BASE_URL", address)
        run = WandbRequest(id="ftjob-1", project="novel", name="Emma")
        request = TrainRequest(dataset=folder, base=folder, training=Training(), wandb=run)
        run_in_axolotl("tracked.py", folder, mode, **wandb_environment(request, folder))
    body: dict[str, Any] = json.loads((folder / "tracked.json").read_text())
    return body


def test_a_server_gets_each_step_once_over_both_attempts_and_nothing_but_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = WandbServer()
    assert track_online(server.app(), "online", tmp_path, monkeypatch)["notices"] == []
    steps = [(row["_step"], row["train/loss"]) for row in server.rows if "train/loss" in row]
    assert steps == [(1, 2.9), (2, 2.8), (3, 2.7), (4, 2.6)]
    assert [(row["checkpoint"], row["dev/selectivity"]) for row in server.rows if "checkpoint" in row] == [(2, 0.25)]
    sent = b"".join(server.bodies)
    for private in (b"secret", str(tmp_path).encode(), KEY.encode()):
        assert private not in sent
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_a_server_that_refuses_the_key_costs_a_notice_and_the_run_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracked = track_online(refusing_server(), "refused", tmp_path, monkeypatch)
    (notice,) = tracked["notices"]  # the measuring does not try again
    assert "401" in notice
    assert notice.endswith("It stays in training/wandb, to be sent with `wandb sync`.")
    assert [(row["_step"], row["train/loss"]) for row in tracked["run"]["rows"]] == [
        (1, 2.9), (2, 2.8), (3, 2.7), (4, 2.6),
    ]  # fmt: skip
    assert len(tracked["events"]["scalars"]["train/loss"]) == 4
