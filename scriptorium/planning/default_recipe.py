"""Which recipe a job gets that names none: the settings' if they name one, else what fits the machine's GPUs."""

from __future__ import annotations

from collections.abc import Sequence

from scriptorium.process.device_memory import GIB, read_device_memory
from scriptorium.settings import Settings

AUTO = "auto"
RECIPE_BY_GIB = (
    (28, "lora"),
    (20, "qlora"),
    (0, "qlora-16gb"),
)  # the least memory of a card, and what fits an 8B model
CPU_RECIPE = "cpu"
UNKNOWN_GPU_RECIPE = "qlora"


def choose_default_recipe(settings: Settings, memories: Sequence[int] = ()) -> str:
    """Return the recipe's name; `memories` are the total bytes of the GPUs that train, read from this machine if empty.

    A job may run on any of them, so the smallest one decides. A machine that only sends jobs to GPUs elsewhere, as the
    API's container does, cannot read their memory.
    """
    if settings.default_recipe != AUTO:
        return settings.default_recipe
    if not settings.gpu:
        return CPU_RECIPE
    known = memories or read_gpu_memories(settings)
    if not known:
        return UNKNOWN_GPU_RECIPE
    return next(name for gib, name in RECIPE_BY_GIB if min(known) >= gib * GIB)


def read_gpu_memories(settings: Settings) -> list[int]:
    """Return the total bytes of this machine's GPUs, without those that the driver does not report."""
    memories = [read_device_memory(index) for index in settings.gpu_indices]
    return [memory.total for memory in memories if memory]
