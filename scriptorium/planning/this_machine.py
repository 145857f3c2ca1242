"""The device of this machine, read for a plan: its card, memory and disk; on a machine without a GPU, its CPU."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from scriptorium.artifacts.disk_use import free_bytes
from scriptorium.planning.device import Device, known_peak
from scriptorium.planning.measured_runs import MeasuredRun
from scriptorium.process.device_memory import read_card_name, read_device_memory
from scriptorium.settings import Settings

CPU_INFO = Path("/proc/cpuinfo")
PROBE_SIZE = 256
PROBE_SECONDS = 0.1
BF16_GAIN = 2.1  # of torch's bf16 products over numpy's fp32 ones on a CPU with AVX-512 bf16
VISIBLE_DEVICES = "CUDA_VISIBLE_DEVICES"


def read_device(settings: Settings, runs: Sequence[MeasuredRun] = (), *, gpus: int = 1, now: bool = False) -> Device:
    """Return the device that a training on this machine gets.

    With `now`, the memory that is free at this moment: for a training that holds its device. Without it a GPU's whole
    memory counts, because a training waits until it is free. A GPU that cannot be seen from here, as in the API's
    container, is that of the last measured run.
    """
    disk = free_bytes(settings.data_dir)
    if not settings.gpu:
        memory = read_device_memory(None)
        assert memory is not None  # noqa: S101  the kernel always tells
        return Device(cpu_name(), False, probe_cpu_peak(), memory.total, memory.free, disk)
    index = gpu_index(settings)
    card, gpu_memory = read_card_name(index), read_device_memory(index)
    if card is None or gpu_memory is None:
        known = next((run.device for run in reversed(runs) if run.device.gpu), Device("a GPU", True))
        return replace(known, free_bytes=None, free_disk_bytes=disk, gpus=gpus)
    measured = next((run.device.peak_flops for run in reversed(runs) if run.device.name == card), None)
    free = gpu_memory.free if now else None
    return Device(card, True, known_peak(card) or measured, gpu_memory.total, free, disk, gpus)


def gpu_index(settings: Settings) -> int:
    """Return the index of the GPU that child processes of this one see first."""
    first = os.environ.get(VISIBLE_DEVICES, "").split(",")[0].strip()
    return int(first) if first.isdecimal() else next(iter(settings.gpu_indices), 0)


@lru_cache(maxsize=1)
def cpu_name() -> str:
    """Return the CPU's model and how many of its cores this process may use."""
    lines = CPU_INFO.read_text("utf-8", errors="replace").splitlines() if CPU_INFO.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")
    return f"{model}, {len(os.sched_getaffinity(0))} cores"


@lru_cache(maxsize=1)
def probe_cpu_peak() -> float:
    """Return the expected peak of bf16 products in FLOP/s, from the best fp32 product of one core in numpy.

    One core, because the threads of a product wait for each other, and other programs may have one of the cores.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits

    matrix = np.random.default_rng(0).random((PROBE_SIZE, PROBE_SIZE), np.float32)
    with threadpool_limits(1):
        matrix @ matrix  # the first product also starts the library, which may take longer than all the others
        best, deadline = float("inf"), time.perf_counter() + PROBE_SECONDS
        while time.perf_counter() < deadline:
            started = time.perf_counter()
            matrix @ matrix
            best = min(best, time.perf_counter() - started)
    return BF16_GAIN * len(os.sched_getaffinity(0)) * 2 * PROBE_SIZE**3 / best
