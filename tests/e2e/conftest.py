"""A whole stack of its own, with the real Axolotl and the real vLLM, for the tests of the whole journey."""

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
from scriptorium.local.demo_assets import Assets, demo_assets
from scriptorium.local.environments import environments
from scriptorium.process.gpu import has_nvidia_gpu
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings

SMALL = {
    "SCRIPTORIUM_ENGINE_CONTEXT": "2048",
    "SCRIPTORIUM_EVALUATION_PROMPTS": "3",
    "SCRIPTORIUM_EVALUATION_MAX_TOKENS": "64",
    "SCRIPTORIUM_EVALUATION_INSTRUCTIONS": "12",
}


@dataclass(frozen=True)
class Stack:
    """A running stack and how to speak to it."""

    settings: Settings
    assets: Assets
    client: openai.OpenAI
    http: httpx.Client

    def pid(self, service: str) -> int:
        """The process of a service as it is now."""
        found = state.running(self.settings)
        assert found is not None
        return next(entry.pid for entry in found.services if entry.name == service)

    def processes(self, word: str) -> list[psutil.Process]:
        """Living processes of this stack with a word in their command line."""
        found = state.running(self.settings)
        family = psutil.Process(found.pid).children(recursive=True) if found else []
        return [process for process in family if process.is_running() and word in " ".join(_line(process))]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The `scriptorium` command on this stack's data folder."""
        env = {**os.environ, **SMALL, "SCRIPTORIUM_DATA_DIR": str(self.settings.data_dir)}
        line = [sys.executable, "-m", "scriptorium.cli.main", *arguments]
        return subprocess.run(line, env=env, capture_output=True, text=True, timeout=600, check=False)


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture(scope="session")
def running() -> Iterator[Stack]:
    """Start a stack; stop it and see that nothing is left."""
    missing = [env.name for env in environments(gpu=has_nvidia_gpu()).values() if env.name != "light" and not env.ready]
    if missing:
        pytest.fail(f"the environments {missing} are not built: run `make setup`")
    folder = Path(tempfile.mkdtemp(prefix="scriptorium-e2e-"))
    assets = demo_assets()
    shutil.copytree(assets.references, folder / "references")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            patch.setenv(name, value)
        settings = Settings(data_dir=folder, models_dir=assets.models, api_port=free_port(), redis_url="")
        url = stack.up(settings, tell=print, attached=True).api_url
        client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")
        try:
            with client, httpx.Client(base_url=url, timeout=60) as http:
                yield Stack(settings, assets, client, http)
        finally:
            stack.down(settings, tell=print)
    shutil.rmtree(folder)
