"""Folders that cannot be served: what transformers says in vLLM's environment, and what the real vLLM comes to."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from scriptorium.gpu_check.random_model import write_model
from scriptorium.gpu_check.shape import SHAPES
from scriptorium.process.child import tail, wait_until
from scriptorium.settings import PROJECT, Settings
from scriptorium.store.serving import WantedModel
from services.server.engine import VllmEngine
from services.server.failures.known_causes import FailureCause
from services.server.failures.transformers_check import SCRIPT, describe_outcome

PYTHON = Path(os.environ.get("SCRIPTORIUM_VLLM_PYTHON", PROJECT / ".envs/vllm/bin/python"))
pytestmark = [
    pytest.mark.environments,
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason=f"the vLLM environment is missing: {PYTHON}"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write a small model that can be served, in one file, so that no index tells what it should hold."""
    folder = tmp_path / "model"
    write_model(folder, SHAPES["tiny"])
    (folder / "model.safetensors.index.json").unlink()
    (folder / "model-00001-of-00001.safetensors").rename(folder / "model.safetensors")
    return folder


def change_config(folder: Path, **changes: object) -> None:
    body = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(body | changes))


def remove_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["model.norm.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def truncate(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def ask_transformers(folder: Path) -> str:
    """Return the outcome of the program as the server runs it."""
    process = subprocess.run(
        [PYTHON, "-I", SCRIPT, folder], capture_output=True, text=True, timeout=300, check=False, cwd="/"
    )
    return describe_outcome(process.stdout.splitlines())


def test_transformers_loads_a_good_folder(folder: Path) -> None:
    assert ask_transformers(folder) == "transformers loads the model: its folder is good, so the engine is at fault"


def test_transformers_names_what_is_wrong(folder: Path) -> None:
    change_config(folder, intermediate_size=96)
    assert "weights have another shape: model.layers.0.mlp.down_proj.weight is [" in ask_transformers(folder)
    truncate(folder)
    assert "transformers does not load the model either: SafetensorError: " in ask_transformers(folder)
    change_config(folder, architectures=["DiffuserXForCausalLM"])
    assert "has no architecture 'DiffuserXForCausalLM'" in ask_transformers(folder)


def test_the_real_engine_fails_once_and_says_why_and_what_transformers_says(folder: Path, tmp_path: Path) -> None:
    remove_tensor(folder)
    settings = Settings(device="cpu", vllm_env=PYTHON.parents[1], cache_dir=tmp_path / "cache", engine_context=256)
    engine = VllmEngine((WantedModel(name="base", folder=str(folder)),), settings, tmp_path / "vllm.log")
    causes: list[FailureCause | None] = []
    try:
        assert wait_until(lambda: (engine.check_health(), engine.dead)[1], timedelta(minutes=5), interval=0.5)
        assert wait_until(lambda: causes.append(engine.failure_cause()) or causes[-1], timedelta(minutes=3))
    finally:
        engine.stop()
    cause = causes[-1]
    assert cause, tail(tmp_path / "vllm.log")
    assert (cause.kind, cause.lasts) == ("weights", True)
    assert "lack weights that its config.json asks for (" in cause.text
    assert cause.text.endswith(
        "transformers does not load the model either: 1 weights are not in the files, such as model.norm.weight"
    )
