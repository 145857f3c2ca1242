"""Memory and processors, and a container's share of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import GIB, GPU_USERS, TORCH_SERVICES, CheckFinding, Subject, ok, skipped, warn
from scriptorium.doctor.driver import nvidia_smi
from scriptorium.doctor.mounts import find_mount
from scriptorium.doctor.probe import Probe

MEMORY_FOR_8B = 23 * GIB  # 24 GiB, less what the kernel reserves
MEMORY_FOR_SMALL_MODELS = 7 * GIB  # 8 GiB, likewise: for small models on a CPU
SHM = "/dev/shm"  # noqa: S108  this is the folder to examine
SHM_FIX = "In the compose file, at {}: shm_size: 10g   # or ipc: host"
UNLIMITED = 1 << 60  # version 1 of cgroups reports a huge number for "no limit"
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_machine(subject: Subject) -> Iterator[CheckFinding]:
    """Check processors, memory, shared memory and pinned memory."""
    yield ok("processors", str(subject.probe.cores()))
    yield check_memory(subject)
    yield check_shared_memory(subject)
    yield check_pinned_memory(subject)


def read_memory(probe: Probe) -> dict[str, int]:
    """Parse /proc/meminfo; sizes in bytes."""
    lines = [line.split() for line in (probe.read("/proc/meminfo") or "").splitlines()]
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if len(line) == 3 and line[1].isdecimal()}


def read_memory_limit(probe: Probe) -> int | None:
    """Return the memory limit of this container in bytes; None if there is none."""
    for path in LIMITS:
        text = (probe.read(path) or "").strip()
        if text.isdecimal() and int(text) < UNLIMITED:
            return int(text)
    return None


def check_memory(subject: Subject) -> CheckFinding:
    """Check the memory that is there, and this container's share of it."""
    figures, limit = read_memory(subject.probe), read_memory_limit(subject.probe)
    total = figures.get("MemTotal", 0)
    usable = min(total, limit or total)
    observation = f"{total / GIB:.1f} GiB, {figures.get('MemAvailable', 0) / GIB:.1f} available"
    if limit and limit < total:
        observation += f", limited to {limit / GIB:.1f}"
    if subject.service not in GPU_USERS or usable >= MEMORY_FOR_8B:
        return ok("memory", observation)
    if usable >= MEMORY_FOR_SMALL_MODELS:
        if "8B" not in subject.settings.default_model:
            return ok("memory", observation)
        return warn("memory", f"{observation}; an 8B model needs 24 GiB", memory_fix(subject, limit or total, total))
    return warn("memory", f"{observation}; even a small model needs 8 GiB", memory_fix(subject, limit or total, total))


def memory_fix(subject: Subject, limit: int, total: int) -> str:
    """Return how to get more memory."""
    if limit < total:
        return f"echo {subject.service.upper()}_MEMORY=40g >> .env && docker compose up -d {subject.compose_name}"
    if subject.wsl:
        return "Give WSL more: see the fix of `WSL memory`, or docs/operations.md."
    return "Add memory, or use a small base model: scriptorium run --model ... --recipe cpu"


def check_shared_memory(subject: Subject) -> CheckFinding:
    """Check /dev/shm, through which processes of torch and vLLM pass tensors; Docker's default is 64 MB."""
    if subject.service not in TORCH_SERVICES or not subject.container:
        return skipped(SHM, "matters only in the containers of trainer and server")
    mount = find_mount(subject.probe, Path(SHM))
    if mount is None or mount.point != SHM:
        return warn(SHM, "is not mounted", SHM_FIX.format(subject.compose_name))
    total = subject.probe.disk(Path(SHM)).total
    if total < GIB:
        return warn(SHM, f"{total / GIB:.2f} GiB; 1 GiB or more is needed", SHM_FIX.format(subject.compose_name))
    return ok(SHM, f"{total / GIB:.1f} GiB")


def check_pinned_memory(subject: Subject) -> CheckFinding:
    """Check the limit of pinned memory, which copies to the GPU go through."""
    if subject.service not in TORCH_SERVICES or not subject.container or nvidia_smi(subject.probe) is None:
        return skipped("pinned memory", "matters only in the containers of trainer and server with a GPU")
    limit = subject.probe.memlock()
    if limit is None:
        return ok("pinned memory", "no limit")
    fix = f"In the compose file, at {subject.compose_name}: ulimits: {{memlock: -1}}"
    return warn("pinned memory", f"limited to {limit / 1024:.0f} KiB (ulimit -l)", fix)
