"""A complete stack of its own, with the real Axolotl and the real vLLM, for the test of the whole journey."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import openai
import psutil
import pytest

from scriptorium.local import stack, state
from scriptorium.local.demo_assets import DemoAssets, demo_assets
from scriptorium.local.environments import environments
from scriptorium.process.gpu import has_nvidia_gpu
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings

SMALL_SETTINGS = {
    "SCRIPTORIUM_ENGINE_CONTEXT": "2048",
    "SCRIPTORIUM_EVALUATION_PROMPTS": "3",
    "SCRIPTORIUM_EVALUATION_PASSAGES": "6",
    "SCRIPTORIUM_EVALUATION_MAX_TOKENS": "64",
    "SCRIPTORIUM_EVALUATION_INSTRUCTIONS": "12",
    "SCRIPTORIUM_EVALUATION_SCENES": "4",
    "SCRIPTORIUM_EVALUATION_REWRITES": "2",
    "SCRIPTORIUM_STOP_GRACE": "PT30S",  # a step of training on a busy machine takes longer than the default
}


@dataclass(frozen=True)
class RunningStack:
    """A running stack with clients of its API."""

    settings: Settings
    assets: DemoAssets
    client: openai.OpenAI
    http: httpx.Client

    def pid(self, service: str) -> int:
        """Return the present process id of a service."""
        status = state.find_running(self.settings)
        assert status is not None
        return next(entry.pid for entry in status.services if entry.name == service)

    def processes(self, word: str) -> list[psutil.Process]:
        """Return the running processes of this stack with a word in their command line."""
        status = state.find_running(self.settings)
        family = psutil.Process(status.pid).children(recursive=True) if status else []
        return [process for process in family if process.is_running() and word in " ".join(_command_line(process))]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the `scriptorium` command on this stack's data folder."""
        env = {**os.environ, **SMALL_SETTINGS, "SCRIPTORIUM_DATA_DIR": str(self.settings.data_dir)}
        command = [sys.executable, "-m", "scriptorium.cli.main", *arguments]
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600, check=False)


def _command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="session")
def running(request: pytest.FixtureRequest) -> Iterator[RunningStack]:
    """Start a stack for all tests, and stop it afterwards; after a failure its folder stays, with the logs."""
    missing = [env.name for env in environments(gpu=has_nvidia_gpu()).values() if env.name != "light" and not env.ready]
    if missing:
        pytest.fail(f"the environments {missing} are not built: run `make setup`")
    folder = Path(tempfile.mkdtemp(prefix="scriptorium-e2e-"))
    assets = demo_assets()
    shutil.copytree(assets.references, folder / "references")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL_SETTINGS.items():
            patch.setenv(name, value)
        settings = Settings(data_dir=folder, models_dir=assets.models, api_port=free_port(), redis_url="")
        url = stack.up(settings, notify=print, attached=True).api_url
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
        try:
            with client, httpx.Client(base_url=url, timeout=60) as http:
                yield RunningStack(settings, assets, client, http)
        finally:
            stack.down(settings, notify=print)
    if request.session.testsfailed:
        print(f"the data and the logs of the stack are in {folder}")
    else:
        shutil.rmtree(folder)
