"""The device of this machine, with and without a GPU that can be seen."""

import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from planned import GIB, card

from scriptorium.planning import this_machine
from scriptorium.planning.measured_runs import MeasuredRun
from scriptorium.planning.this_machine import gpu_index, read_device
from scriptorium.process.device_memory import DeviceMemory
from scriptorium.settings import Settings


def settings(tmp_path: Path, device: str) -> Settings:
    return Settings(data_dir=tmp_path, device=device, gpus="1,2")  # type: ignore[arg-type]


def run_on(device: object) -> MeasuredRun:
    return MeasuredRun.model_construct(device=device)


def test_a_cpu_is_measured(tmp_path: Path) -> None:
    device = read_device(settings(tmp_path, "cpu"))
    assert device.peak_flops is not None
    assert device.peak_flops > 1e9
    assert device.free_bytes is not None
    assert 0 < device.free_bytes <= (device.total_bytes or 0)
    assert device.free_disk_bytes
    assert device.name.endswith("cores")


def test_a_gpu_that_cannot_be_seen_is_that_of_the_last_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(this_machine, "read_card_name", lambda index: None)
    device = read_device(settings(tmp_path, "cuda"), [run_on(card(free=3))])
    assert device.name == card().name
    assert device.free_bytes is None
    assert device.total_bytes == card().total_bytes
    assert read_device(settings(tmp_path, "cuda")).name == "a GPU"


@pytest.mark.parametrize("now", [True, False])
def test_the_memory_of_a_gpu_is_free_when_its_training_comes(
    now: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(this_machine, "read_card_name", lambda index: f"NVIDIA GeForce RTX 5090 {index}")
    monkeypatch.setattr(this_machine, "read_device_memory", lambda index: DeviceMemory(2 * GIB, 32 * GIB))
    device = read_device(settings(tmp_path, "cuda"), now=now)
    assert device.free_bytes == (2 * GIB if now else None)
    assert device.peak_flops == 209.5e12


def test_a_card_that_is_not_in_the_table_has_the_peak_of_its_last_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(this_machine, "read_card_name", lambda index: "NVIDIA RTX 7000")
    monkeypatch.setattr(this_machine, "read_device_memory", lambda index: DeviceMemory(30 * GIB, 32 * GIB))
    assert read_device(settings(tmp_path, "cuda")).peak_flops is None
    run = run_on(this_machine.Device("NVIDIA RTX 7000", True, 1e14))
    assert read_device(settings(tmp_path, "cuda"), [run]).peak_flops == 1e14


def test_the_gpu_is_the_one_that_children_see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    assert gpu_index(settings(tmp_path, "cuda")) == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-8f6c1a")
    assert gpu_index(settings(tmp_path, "cuda")) == 1


def test_a_slow_first_product_is_not_the_machines_peak(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library of products may start with the first one, and take a thousand times as long for it."""
    import numpy as np

    class SlowStart:
        """A matrix whose first product takes longer than the whole probe."""

        products = 0

        def __matmul__(self, other: object) -> None:
            SlowStart.products += 1
            time.sleep(0.15 if SlowStart.products == 1 else 0.001)

    generator = SimpleNamespace(random=lambda size, dtype: SlowStart())
    monkeypatch.setattr(np.random, "default_rng", lambda seed: generator)
    peak = this_machine.probe_cpu_peak.__wrapped__()
    cores = len(os.sched_getaffinity(0))
    assert peak > this_machine.BF16_GAIN * cores * 2 * this_machine.PROBE_SIZE**3 / 0.05
