"""The variables of Axolotl and vLLM: the user's tuning reaches them, secrets do not, and caches can be executed."""

import subprocess
import sys
from pathlib import Path

import pytest

from scriptorium.process.tool_environment import make_tool_environment
from scriptorium.settings import Settings
from services.server.engine import make_environment as make_server_environment
from services.trainer.run.axolotl import make_environment as make_trainer_environment

TUNING = {
    "VLLM_LOGGING_LEVEL": "DEBUG",
    "PYTORCH_ALLOC_CONF": "expandable_segments:True",
    "TRITON_PRINT_AUTOTUNING": "1",
    "NCCL_P2P_DISABLE": "1",
    "TORCH_NCCL_BLOCKING_WAIT": "1",
    "CUDA_HOME": "/usr/local/cuda",
    "LD_LIBRARY_PATH": "/opt/lib",
    "OMP_NUM_THREADS": "3",
}
SECRETS = ("VLLM_API_KEY", "HF_TOKEN", "WANDB_API_KEY", "SCRIPTORIUM_REDIS_URL", "REDIS_PASSWORD", "NVIDIA_API_KEY")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_what_a_user_sets_for_the_tools_reaches_both_and_secrets_reach_none(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TUNING.items():
        monkeypatch.setenv(name, value)
    for name in SECRETS:
        monkeypatch.setenv(name, "hunter2")
    monkeypatch.setenv("SCRIPTORIUM_DEVICE", device)
    settings = Settings()
    for environment in (make_server_environment(settings), make_trainer_environment(settings.axolotl_env)):
        assert {name: environment.get(name) for name in TUNING} == TUNING
        assert "hunter2" not in environment.values()


def test_the_user_wins_over_a_default_and_never_over_what_is_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OMP_WAIT_POLICY", "AXOLOTL_DO_NOT_TRACK", "TRITON_CACHE_DIR"):
        monkeypatch.setenv(name, "user")
    environment = make_tool_environment(
        Path("/env"), Path("/cache"), {"OMP_WAIT_POLICY": "PASSIVE"}, {"AXOLOTL_DO_NOT_TRACK": "1"}
    )
    assert environment["OMP_WAIT_POLICY"] == "user"
    assert environment["AXOLOTL_DO_NOT_TRACK"] == "1"
    assert environment["TRITON_CACHE_DIR"] == "/cache/triton"
    assert environment["PATH"].startswith("/env/bin:")
    assert environment["HF_HUB_OFFLINE"] == "1"


def test_the_trainers_process_finds_our_plugin_and_keeps_freed_memory() -> None:
    environment = make_trainer_environment(Path("/env"))
    assert (Path(environment["PYTHONPATH"]) / "services/trainer/inside_axolotl/plugin.py").exists()
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "1073741824"


def test_the_cuda_libraries_of_the_environment_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/usr/local/nvidia/lib64")
    assert make_tool_environment(tmp_path, tmp_path, {}, {})["LD_LIBRARY_PATH"] == "/usr/local/nvidia/lib64"
    libraries = tmp_path / "lib/python3.12/site-packages/nvidia/cu13/lib"
    libraries.mkdir(parents=True)
    assert (
        make_tool_environment(tmp_path, tmp_path, {}, {})["LD_LIBRARY_PATH"] == f"{libraries}:/usr/local/nvidia/lib64"
    )


def test_the_hubs_client_reports_nothing_once_a_process_has_opted_out(project: Path) -> None:
    script = (
        "from scriptorium.process.tool_environment import opt_out_of_telemetry\n"
        "opt_out_of_telemetry()\n"
        "from huggingface_hub import constants\n"
        "print(constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    output = subprocess.run([sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "True"
