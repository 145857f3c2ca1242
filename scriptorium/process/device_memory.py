"""Free memory of a device, as the driver or the kernel reports it at this moment."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

GIB = 1024**3


@dataclass(frozen=True)
class DeviceMemory:
    """Free and total bytes."""

    free: int
    total: int

    def __str__(self) -> str:
        return f"{self.free / GIB:.1f} of {self.total / GIB:.1f} GiB are free"


def read_device_memory(gpu: int | None) -> DeviceMemory | None:
    """Read the memory of a GPU by its index, or the machine's for None; returns None if the driver does not tell."""
    if gpu is None:
        memory = psutil.virtual_memory()
        return DeviceMemory(free=memory.available, total=memory.total)
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            memory = pynvml.nvmlDeviceGetMemoryInfo(pynvml.nvmlDeviceGetHandleByIndex(gpu))
            return DeviceMemory(free=int(memory.free), total=int(memory.total))
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None


def read_card_name(gpu: int) -> str | None:
    """Return the name of a GPU by its index, such as "NVIDIA GeForce RTX 5090"; None if the driver does not tell."""
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            return str(pynvml.nvmlDeviceGetName(pynvml.nvmlDeviceGetHandleByIndex(gpu)))
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return None


def count_gpus() -> int:
    """Count the GPUs that the driver reports; 1 if it does not tell."""
    import pynvml

    try:
        pynvml.nvmlInit()
        try:
            return int(pynvml.nvmlDeviceGetCount())
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return 1
