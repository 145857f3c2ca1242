"""With the variables that the tools get, none of their libraries reports to anybody, and no pickle runs code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from scriptorium.jobs.runner import Context
from scriptorium.process.tool_environment import NO_TELEMETRY
from scriptorium.settings import Settings
from services.api.application import create_app
from services.server.engine import make_environment as make_server_environment
from services.trainer.run.axolotl import make_environment as make_trainer_environment

SCRIPT = Path(__file__).with_name("telemetry_and_pickles.py")
SETTINGS = Settings()
TOOLS = {
    "axolotl": (SETTINGS.axolotl_env, lambda: make_trainer_environment(SETTINGS.axolotl_env)),
    "vllm": (SETTINGS.vllm_env, lambda: make_server_environment(SETTINGS)),
}


def examine(tool: Path, environment: Mapping[str, str], folder: Path) -> dict[str, Any]:
    """Run the script in a tool's environment, and return what it printed last."""
    python = tool / "bin" / "python"
    if not python.exists():
        pytest.skip(f"the environment is missing: {tool}")
    command = [python, SCRIPT, folder]
    process = subprocess.run(command, env=dict(environment), capture_output=True, text=True, timeout=600, check=False)
    assert process.returncode == 0, process.stderr[-3000:]
    answer: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return answer


@pytest.mark.environments
@pytest.mark.parametrize("name", TOOLS)
def test_no_library_of_a_tool_reports_and_no_pickle_runs(name: str, tmp_path: Path) -> None:
    tool, make_environment = TOOLS[name]
    assert examine(tool, make_environment(), tmp_path) == {"reporting": [], "ran": False}


@pytest.mark.environments
def test_the_same_look_finds_what_reports_and_runs_without_our_variables(tmp_path: Path) -> None:
    """So that the test above cannot pass because it looks in the wrong place."""
    ours = {*NO_TELEMETRY, "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"}
    environment = {name: value for name, value in make_server_environment(SETTINGS).items() if name not in ours}
    assert examine(SETTINGS.vllm_env, environment, tmp_path) == {"reporting": ["huggingface_hub", "vllm"], "ran": True}


def test_the_api_exports_nothing_whatever_the_variables_say(
    context: Context, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    with TestClient(FastAPI()):
        assert "automatic telemetry" in caplog.text, "an application as it comes tries to export"
    caplog.clear()
    with TestClient(create_app(context, reaping=False, count_waiting=lambda _: 0)) as client:
        assert client.get("/healthz").status_code == 200
    assert "telemetry" not in caplog.text
