"""Where a check begins: which card it is, and settings of its own for this process and its children."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scriptorium.errors import Conflict
from scriptorium.gpu_check.check import STEPS, CheckPlan, GpuCheck, Notify
from scriptorium.gpu_check.record import NO_CARD, CheckRecord, Numbers, memory_share
from scriptorium.gpu_check.shape import SHAPES
from scriptorium.planning.this_machine import gpu_index
from scriptorium.process.device_memory import read_card_name, read_device_memory
from scriptorium.settings import Settings, get_settings


def check_card(
    output: Path | None,
    *,
    shape: str,
    cap_gib: float,
    steps: Sequence[str],
    on_cpu: bool,
    run_job: Callable[[Path], Numbers],
    notify: Notify,
) -> CheckRecord:
    """Take the named steps, or all for none, on this machine's card, or its CPU; the record says so if there is none.

    `run_job` runs the small job in a folder. Raises Conflict if the output exists.
    """
    settings = get_settings()
    if not on_cpu and not settings.gpu:
        return CheckRecord(card=NO_CARD, shape=shape)
    folder = (output or Path(time.strftime("gpu-check-%Y-%m-%d-%H%M%S"))).absolute()
    if folder.exists():
        raise Conflict(f"{folder} already exists.", param="--output", next_step="Name another folder.")
    gpu = None if on_cpu else gpu_index(settings)
    memory = read_device_memory(gpu)
    total = memory.total if memory else 0
    plan = CheckPlan(SHAPES[shape], folder, tuple(name for name in STEPS if not steps or name in steps))
    settings = use_settings(plan.work, "cpu" if gpu is None else "cuda", memory_share(cap_gib, total))
    card = "cpu" if gpu is None else read_card_name(gpu) or "unknown"
    record = CheckRecord(card=card, shape=shape, folder=str(folder), memory_bytes=total, cap_gib=cap_gib)
    return GpuCheck(plan, settings, record, run_job, notify).run()


def use_settings(work: Path, device: str, share: float) -> Settings:
    """Let this process and its children work in a folder, on a device, with a share of its memory for training."""
    os.environ |= {
        "SCRIPTORIUM_DATA_DIR": str(work / "data"),
        "SCRIPTORIUM_DEVICE": device,
        "SCRIPTORIUM_TRAIN_MEMORY_SHARE": f"{share:.4f}",
        "SCRIPTORIUM_REDIS_URL": "",
    }
    get_settings.cache_clear()
    settings = get_settings()
    settings.data_dir.mkdir(parents=True)
    return settings
