"""Memory, processors, and what a container is allowed of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scriptorium.doctor.check import GIB, GPU_USERS, HEAVY, Finding, Subject, ok, skipped, warn
from scriptorium.doctor.driver import nvidia_smi
from scriptorium.doctor.mounts import find_mount
from scriptorium.doctor.probe import Probe

ENOUGH = 23 * GIB  # 24 GiB, less what the kernel keeps for itself
SMALL = 7 * GIB  # 8 GiB, likewise: for small models on a CPU
SHM = "/dev/shm"  # noqa: S108  it is what is examined
SHM_FIX = "In the compose file, at {}: shm_size: 10g   # or ipc: host"
UNLIMITED = 1 << 60  # version 1 of cgroups has a huge number for "no limit"
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def check_machine(subject: Subject) -> Iterator[Finding]:
    """Processors, memory, shared memory, pinned memory."""
    yield ok("processors", str(subject.probe.cores()))
    yield check_memory(subject)
    yield check_shared_memory(subject)
    yield check_pinned_memory(subject)


def memory(probe: Probe) -> dict[str, int]:
    """/proc/meminfo, in bytes."""
    lines = [line.split() for line in (probe.read("/proc/meminfo") or "").splitlines()]
    return {line[0].rstrip(":"): int(line[1]) * 1024 for line in lines if len(line) == 3 and line[1].isdecimal()}


def memory_limit(probe: Probe) -> int | None:
    """The limit of this container, in bytes; None where there is none."""
    for path in LIMITS:
        text = (probe.read(path) or "").strip()
        if text.isdecimal() and int(text) < UNLIMITED:
            return int(text)
    return None


def check_memory(subject: Subject) -> Finding:
    """What there is, and what this container may use of it."""
    figures, limit = memory(subject.probe), memory_limit(subject.probe)
    total = figures.get("MemTotal", 0)
    usable = min(total, limit or total)
    seen = f"{total / GIB:.1f} GiB, {figures.get('MemAvailable', 0) / GIB:.1f} available"
    if limit and limit < total:
        seen += f", limited to {limit / GIB:.1f}"
    if subject.service not in GPU_USERS or usable >= ENOUGH:
        return ok("memory", seen)
    if usable >= SMALL:
        if "8B" not in subject.settings.default_model:
            return ok("memory", seen)
        return warn("memory", f"{seen}; an 8B model wants 24 GiB", raise_memory(subject, limit or total, total))
    return warn("memory", f"{seen}; even a small model wants 8 GiB", raise_memory(subject, limit or total, total))


def raise_memory(subject: Subject, limit: int, total: int) -> str:
    """Where more comes from."""
    if limit < total:
        return f"echo {subject.service.upper()}_MEMORY=40g >> .env && docker compose up -d {subject.compose_name}"
    if subject.wsl:
        return "Give WSL more: see the fix of `WSL memory`, or docs/operations.md."
    return "Add memory, or use a small base model: scriptorium run --model ... --recipe cpu"


def check_shared_memory(subject: Subject) -> Finding:
    """Where the processes of torch and vLLM hand tensors to each other; Docker gives 64 MB."""
    if subject.service not in HEAVY or not subject.container:
        return skipped(SHM, "matters inside the containers of trainer and server")
    mount = find_mount(subject.probe, Path(SHM))
    if mount is None or mount.point != SHM:
        return warn(SHM, "is not mounted", SHM_FIX.format(subject.compose_name))
    total = subject.probe.disk(Path(SHM)).total
    if total < GIB:
        return warn(SHM, f"{total / GIB:.2f} GiB; 1 GiB or more is wanted", SHM_FIX.format(subject.compose_name))
    return ok(SHM, f"{total / GIB:.1f} GiB")


def check_pinned_memory(subject: Subject) -> Finding:
    """Copies to the GPU go through memory that the kernel may not move."""
    if subject.service not in HEAVY or not subject.container or nvidia_smi(subject.probe) is None:
        return skipped("pinned memory", "matters inside the containers of trainer and server with a GPU")
    limit = subject.probe.memlock()
    if limit is None:
        return ok("pinned memory", "no limit")
    fix = f"In the compose file, at {subject.compose_name}: ulimits: {{memlock: -1}}"
    return warn("pinned memory", f"limited to {limit / 1024:.0f} KiB (ulimit -l)", fix)
