"""The meter of a training: MFU, memory and use of its device. It runs inside Axolotl's environment."""

from __future__ import annotations

import time
from typing import Any

import torch

from services.trainer.inside_axolotl.machine import CpuUse, read_memory, read_peak
from services.trainer.inside_axolotl.utilisation import FROZEN_FLOPS, TRAINED_FLOPS, Utilisation

PEAK_SECONDS = 0.6
PEAK_SIZES = (1024, 2048, 4096, 8192)
PEAK_TRIES = 3


class Meter:
    """Measures the device that trains; a number that is not available is left out."""

    def __init__(self, model: Any, device: Any, dtype: Any) -> None:
        self._device = device
        self._cpu = None if device.type == "cuda" else CpuUse()
        self._peak = measure_peak(device, dtype)
        torch.cuda.empty_cache()  # free the matrices' memory
        self._utilisation = Utilisation(count_flops(model), self._peak) if self._peak else None

    def describe(self) -> dict[str, float]:
        """Return the device's measured peak in FLOP/s, and the most bytes that loading the model took."""
        return {"peak_memory_bytes": self.peak_memory(), **({"peak_flops": self._peak} if self._peak else {})}

    def peak_memory(self) -> int:
        """Return the most bytes that training has needed so far: on a GPU its tensors, else this process."""
        return read_peak() if self._cpu else int(torch.cuda.max_memory_allocated(self._device))

    def pause(self) -> None:
        """Leave the time up to now out of the utilisation: it was not training."""
        if self._utilisation:
            self._utilisation.pause(time.monotonic())

    def step(self, tokens: int | None) -> dict[str, float]:
        """Return the numbers of the step that has just ended, after `tokens` in all."""
        used, total = read_memory() if self._cpu else gpu_memory(self._device)
        numbers = {
            "mfu_ratio": self._utilisation.step(time.monotonic(), tokens) if self._utilisation and tokens else None,
            "memory_used_bytes": used,
            "memory_total_bytes": total,
            "peak_memory_bytes": self.peak_memory(),
            "device_use_ratio": self._cpu.measure() if self._cpu else gpu_use(self._device),
        }
        return {name: value for name, value in numbers.items() if value is not None}


def count_flops(model: Any) -> float:
    """Return the FLOPs that one token costs in a training step; see `utilisation`.

    Every linear layer counts, including the head even if it shares its values with the embeddings, which are looked up
    and do not count. Sizes are those of the layer: a quantised weight is stored in fewer elements.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.Linear)]
    return float(
        sum(
            (TRAINED_FLOPS if layer.weight.requires_grad else FROZEN_FLOPS) * layer.in_features * layer.out_features
            for layer in layers
        )
    )


def measure_peak(device: Any, dtype: Any) -> float | None:
    """Return the best FLOP/s of square matrix products, or None if there is no memory even for small ones.

    The sizes grow while there is time, because a small product does not saturate a device.
    """
    best, deadline = 0.0, time.monotonic() + PEAK_SECONDS
    for size in PEAK_SIZES:
        try:
            seconds = min(time_products(size, device, dtype))
        except RuntimeError:
            break
        best = max(best, 2 * size**3 / seconds)
        if time.monotonic() + 8 * PEAK_TRIES * seconds > deadline:  # twice the size costs eight times as much
            break
    return best or None


def time_products(size: int, device: Any, dtype: Any) -> list[float]:
    """Return the seconds of a square matrix's product with itself, measured a few times."""
    generator = torch.Generator(device).manual_seed(0)  # separate, so that training's random numbers do not change
    matrix = torch.randn(size, size, device=device, dtype=dtype, generator=generator)
    synchronize = torch.cuda.synchronize if matrix.is_cuda else lambda: None
    times = []
    for _ in range(PEAK_TRIES):
        synchronize()
        started = time.perf_counter()
        matrix @ matrix
        synchronize()
        times.append(time.perf_counter() - started)
    return times


def precision(args: Any) -> Any:
    """Return the type in which a training multiplies."""
    return torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else torch.float32


def gpu_memory(device: Any) -> tuple[int, int]:
    """Return the bytes in use on a GPU, by any process, and the total bytes."""
    free, total = torch.cuda.mem_get_info(device)
    return total - free, total


def gpu_use(device: Any) -> float | None:
    """Return how busy a GPU is, 0-1, or None if the driver does not report it."""
    try:
        return float(torch.cuda.utilization(device)) / 100
    except _driver_errors():
        return None


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return what torch raises if the driver's library is missing, and what that library itself raises."""
    try:
        from pynvml import NVMLError
    except ImportError:
        return (ImportError, RuntimeError)
    return (ImportError, RuntimeError, NVMLError)
