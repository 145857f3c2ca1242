"""What is said before vLLM starts in the foreground, while it starts, and if it ends."""

from __future__ import annotations

import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from scriptorium.errors import Conflict, EngineFailed, EnvironmentMissing
from scriptorium.process.child import wait_until
from scriptorium.process.device_memory import DeviceMemory
from scriptorium.process.ports import free_port
from scriptorium.settings import Settings
from scriptorium.store.serving import WantedModel
from services.server import foreground
from services.server.foreground import ForegroundEngine, check_memory, find_stage

PLAN = (WantedModel(name="base", folder="/base"),)
GIB = 1024**3


def fake_vllm(folder: Path, script: str) -> Path:
    """Write a program in the place of vLLM's Python; the real one is tried in tests/integration."""
    program = folder / "env" / "bin" / "python"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return folder / "env"


@pytest.mark.parametrize(
    ("log", "stage"),
    [
        ("", "vLLM starts"),
        ("INFO [model.py:1] Resolved architecture: LlamaForCausalLM\n", "the model is a LlamaForCausalLM"),
        ("Loading safetensors checkpoint shards:   0% x\rLoading safetensors checkpoint shards:  50% x", "50 %"),
        ("Loading weights took 3.20 seconds\ntorch.compile takes 20.1 s in total", "compiling"),
        ("Enforce eager set, disabling torch.compile\nGPU KV cache size: 97,664 tokens, Max", "holds 97,664 tokens"),
    ],
)
def test_the_last_stage_in_the_log_is_shown(log: str, stage: str) -> None:
    assert stage in find_stage(log)


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(Conflict, match=f"Port {port} is taken"),
            ForegroundEngine(PLAN, Settings(device="cpu", data_dir=tmp_path), port),
        ):
            pass
    assert not (tmp_path / "logs").exists()


def test_a_share_that_is_not_free_is_refused_with_one_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreground, "read_device_memory", lambda gpu: DeviceMemory(15 * GIB, 32 * GIB))
    with pytest.raises(Conflict, match=r"0\.9 of the card's memory are 28\.8 GiB, and 15\.0 of 32\.0 GiB") as caught:
        check_memory(Settings(device="cuda", engine_memory_share=0.9))
    assert caught.value.next_step == "Stop what else uses the card, or take a share of 0.46."
    check_memory(Settings(device="cuda", engine_memory_share=0.45))
    check_memory(Settings(device="cpu"))


def test_without_vllm_the_next_step_is_to_install_it(tmp_path: Path) -> None:
    settings = Settings(device="cpu", data_dir=tmp_path, vllm_env=tmp_path / "none")
    with pytest.raises(EnvironmentMissing), ForegroundEngine(PLAN, settings, free_port()):
        pass


def test_the_cause_of_a_failure_is_told_and_not_that_of_an_earlier_one(tmp_path: Path) -> None:
    environment = fake_vllm(tmp_path, "echo 'ValueError: No available memory for the cache blocks.'; exit 1")
    settings = Settings(device="cpu", data_dir=tmp_path, vllm_env=environment)
    port = free_port()
    engine = ForegroundEngine(PLAN, settings, port)
    engine.log.parent.mkdir()
    engine.log.write_text("NVIDIA driver on your system is too old\n")
    with pytest.raises(EngineFailed, match=r"^vLLM ended: out of memory: the weights") as caught, engine:
        engine.load(lambda stage: None)
    assert str(engine.log) in (caught.value.next_step or "")


def test_the_end_of_the_block_is_the_end_of_every_process(tmp_path: Path) -> None:
    environment = fake_vllm(tmp_path, f"sleep 60 & echo $! > {tmp_path / 'pid'}; wait")
    settings = Settings(device="cpu", data_dir=tmp_path, vllm_env=environment)
    with pytest.raises(KeyboardInterrupt), ForegroundEngine(PLAN, settings, free_port()):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().strip():
            time.sleep(0.01)
        raise KeyboardInterrupt
    status = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/status")
    # a killed process ends when the kernel next runs it
    assert wait_until(lambda: not status.exists() or "zombie" in status.read_text(), timedelta(seconds=5))
